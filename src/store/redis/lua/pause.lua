-- Keeps something as paused, or ends that. `pauses` is a hash: what → since when, and who.
local what, who = take(), take()
local key = P .. 'pauses'
expect('hash', key)
expect('stream', P .. 'bell')
if who ~= '' then
  changes()
  call('HSETNX', key, what, int(now) .. ':' .. who)
  return { 'paused', int(now), int(clock) }
end
if call('HEXISTS', key, what) == 0 then
  return { 'none', int(now), int(clock) }
end
changes()
call('HDEL', key, what)
ring()
return { 'resumed', int(now), int(clock) }
