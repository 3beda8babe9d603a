-- Takes what is due, oldest first. The one transition of a run that is spelled here and not in the journal's machine,
-- so that claiming is one round trip and never a lost race.
local worker, max, lease, op = take(), tonumber(take()), tonumber(take()), take()
local lease_end = int(bounded(now + lease))
local due = call('ZRANGEBYSCORE', P .. 'due', '-inf', int(now), 'LIMIT', 0, max)
local claims, broken, unresolved = {}, {}, {}
expect('zset', by_state('delayed'), by_state('queued'), by_state('running'), by_state('waiting'))
expect('zset', by_state('superseded'), by_state('cancelled'), by_wait('group'), by_wait('person'))
for _, at in ipairs(due) do
  local id = string.sub(at, 18)
  local key = P .. 'r:' .. id
  expect('hash', key)
  local run = call('HMGET', key, 'state', 'rule', 'waits_for', 'pending', 'grp')
  if run[1] then
    expect('zset', by_rule(run[1], run[2]), by_rule('running', run[2]), by_rule('waiting', run[2]), by_wait(run[3] or ''))
    expect_gates('', '', run[4])
    expect_group(run[5])
  end
end
if #due > 0 then
  changes()
end
for _, at in ipairs(due) do
  local id = string.sub(at, 18)
  local key = P .. 'r:' .. id
  local run = call('HMGET', key, 'state', 'rule', 'event', 'waits_for', 'pending', 'grp', 'stand', 'latest', 'cancels',
    'begun', 'due')
  if not run[1] then
    -- Somebody deleted the run from outside.
    call('ZREM', P .. 'due', at)
    broken[#broken + 1] = id
  elseif call('EXISTS', P .. 'e:' .. run[3]) == 0 then
    -- Somebody deleted its event: nothing can be done for it, and it must not be in the way of others.
    call('ZADD', P .. 'due', int(bounded(now + 60000)), at)
    broken[#broken + 1] = id
  elseif run[1] == 'unknown' then
    -- In doubt for too long: the caller ends it, for the reason is the journal's to word.
    unresolved[#unresolved + 1] = id
  elseif run[11] ~= '' and tonumber(run[11]) <= now and turn({ id = id, at = at, state = run[1], rule = run[2],
    waits_for = run[4], pending = run[5], group = run[6], stand = run[7], latest = run[8], cancels = run[9],
    begun = run[10] }) then
    -- It may have ended meanwhile, by what another one brought about: then it is not due.
    call('HINCRBY', key, 'version', 1)
    call('HINCRBY', key, 'fence', 1)
    call('HINCRBY', key, 'stalls', 1)
    call('HSET', key, 'op', op, 'state', 'running', 'waits_for', '', 'reason', '', 'worker', '=' .. worker, 'due',
      lease_end, 'updated', int(now))
    unlist_run(run[1], run[2], at)
    list_run('running', run[2], at)
    list_wait(run[4], '', at)
    burst_over(id, run[5])
    call('ZADD', P .. 'due', lease_end, at)
    claims[#claims + 1] = id
    claims[#claims + 1] = call('HGETALL', key)
    claims[#claims + 1] = call('HGETALL', P .. 'e:' .. run[3])
  end
end
if woken then
  ring()
end
-- Whatever is not at an end is due some time; what is in doubt only where others wait for it. If the counts differ, an index
-- was lost.
local live = call('ZCARD', by_wait('person'))
for _, state in ipairs({ 'delayed', 'queued', 'running', 'waiting' }) do
  live = live + call('ZCARD', by_state(state))
end
local whole = live == call('ZCARD', P .. 'due') and 'whole' or 'torn'
return { 'claimed', int(now), int(clock), whole, claims, broken, unresolved }
