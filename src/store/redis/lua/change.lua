-- Writes what the journal's machine made of a run, if the run is still as the caller saw it.
local id, seen, seen_op, op = take(), take(), take(), take()
local refunds, rings, state, waits, due = take(), take(), take(), take(), take()
local what, why, fence = take(), take(), take()
local fields, causes = {}, {}
for _ = 1, tonumber(take()) do
  fields[#fields + 1] = { take(), take() }
end
for _ = 1, tonumber(take()) do
  local name, tokens = take(), take()
  fields[#fields + 1] = { name, (string.gsub(tokens, '%S+', when)) }
end
for _ = 1, tonumber(take()) do
  causes[#causes + 1] = { key = P .. 'c:' .. take(), within = tonumber(take()) }
end

local said = audits()

local key = P .. 'r:' .. id
expect('hash', key)
local run = call('HMGET', key, 'version', 'op', 'state', 'rule', 'seq', 'charge', 'depth', 'rated', 'pending',
  'waits_for', 'grp', 'stand')
if not run[1] then
  return { 'gone', int(now), int(clock) }
end
if run[2] == op then
  -- It was done, and only the answer was lost.
  return { 'done', int(now), int(clock), run[1] }
end
-- The count alone does not do: after a failover that lost something it may have been reached a second time.
if run[1] ~= seen or run[2] ~= seen_op then
  return { 'lost', int(now), int(clock) }
end
expect('zset', P .. 'due', by_state(run[3]), by_state(state), by_rule(run[3], run[4]), by_rule(state, run[4]))
expect('stream', P .. 'bell', P .. 'audit')
expect('zset', P .. 'outbox')
expect('hash', P .. 'outbox:why')
expect('zset', by_wait(run[10] or ''), by_wait(waits))
for _, cause in ipairs(causes) do
  expect('zset', cause.key)
end
expect_gates(run[6], run[8], run[9])
expect_group(run[11])
expect('zset', by_wait('person'), by_wait('group'))

changes()
for _, field in ipairs(fields) do
  call('HSET', key, field[1], field[2])
end
local due_at = due ~= '' and when(due) or ''
call('HSET', key, 'version', seen + 1, 'op', op, 'state', state, 'waits_for', waits, 'due', due_at)
local at = member(run[5], id)
if run[3] ~= state then
  unlist_run(run[3], run[4], at)
  list_run(state, run[4], at)
end
list_wait(run[10], waits, at)
if due_at ~= '' then
  call('ZADD', P .. 'due', due_at, at)
else
  call('ZREM', P .. 'due', at)
end
keep_audits(said)
if what ~= '' then
  keep_notice(id, fence, what, why)
end
if refunds == '1' then
  refund(id, run[6], run[8])
end
if state ~= 'delayed' then
  burst_over(id, run[9])
end
for _, cause in ipairs(causes) do
  local ends = bounded(now + cause.within)
  call('ZREMRANGEBYSCORE', cause.key, '-inf', int(now))
  call('ZADD', cause.key, 'GT', int(ends), string.format('%010.0f:%s', run[7], id))
  call('ZREMRANGEBYRANK', cause.key, 0, -257)
  lives(cause.key, ends)
end
-- A run in doubt is due only where others wait for it: then it ends some time, if no person says what is true.
if state == 'unknown' and due_at ~= '' then
  call('ZADD', by_wait('person'), 0, at)
else
  call('ZREM', by_wait('person'), at)
end
if (run[12] or '') ~= '' and call('HGET', key, 'stand') == '' then
  part(run[11], at, id)
end
if rings == '1' or woken then
  ring()
end
return { 'done', int(now), int(clock), int(seen + 1) }
