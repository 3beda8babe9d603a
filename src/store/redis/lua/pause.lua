-- Keeps something as paused, or ends that. `pauses` is a hash: what → since when, and who.
local what, who = take(), take()
local said = audits()
local key = P .. 'pauses'
expect('hash', key)
expect('stream', P .. 'bell', P .. 'audit')
if who ~= '' then
  changes()
  call('HSETNX', key, what, int(now) .. ':' .. who)
  keep_audits(said)
  return { 'paused', int(now), int(clock) }
end
if call('HEXISTS', key, what) == 0 then
  return { 'none', int(now), int(clock) }
end
changes()
call('HDEL', key, what)
keep_audits(said)
ring()
return { 'resumed', int(now), int(clock) }
