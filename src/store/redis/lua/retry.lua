-- Puts the next generation of a run on record, if its event still has as many verdicts as the caller saw.
local seq, seen, id, rule, verdict, group = take(), take(), take(), take(), take(), take()
local fields = {}
for _ = 1, tonumber(take()) do
  fields[#fields + 1] = { take(), take() }
end
for _ = 1, tonumber(take()) do
  local name, tokens = take(), take()
  fields[#fields + 1] = { name, (string.gsub(tokens, '%S+', when)) }
end

local said = audits()

local event, key = P .. 'e:' .. seq, P .. 'r:' .. id
expect('hash', event, key)
if call('HGET', event, 'verdicts') ~= seen or call('EXISTS', key) == 1 then
  return { 'lost', int(now), int(clock) }
end
expect('zset', P .. 'due', by_state('queued'), by_rule('queued', rule))
expect('stream', P .. 'bell', P .. 'audit')
expect_group(group)

changes()
local run_seq = next_seq()
for _, field in ipairs(fields) do
  call('HSET', key, field[1], field[2])
end
call('HSET', key, 'version', 1, 'op', '', 'seq', run_seq, 'event', seq, 'charge', '', 'rated', '', 'pending', '', 'state',
  'queued', 'waits_for', '', 'due', int(now))
call('HSET', event, 'v' .. seen, verdict, 'verdicts', seen + 1)
local at = member(run_seq, id)
list_run('queued', rule, at)
call('ZADD', P .. 'due', int(now), at)
if group ~= '' then
  -- It is the newest of all, so it makes way for no other.
  local run = call('HMGET', key, 'latest', 'cancels', 'begun')
  join({ id = id, at = at, group = group, latest = run[1], cancels = run[2], begun = run[3] })
end
keep_audits(said)
ring()
return { 'done', int(now), int(clock) }
