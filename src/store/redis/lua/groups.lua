-- Concurrency groups: who has one, who waits behind whom, who makes way. Reads side by side with the journal's `groups`.
-- `q:<group>` is the queue; `u:<group>` names who has the group ('-' is nobody) and the newest that may be superseded.
-- Both can be made again from the runs, and are as far as needed.
local GROUP_LOOK, PAGE = 600000, 256

local woken = false

local function queue_of(group)
  return P .. 'q:' .. group
end

local function seat_of(group)
  return P .. 'u:' .. group
end

local function expect_group(group)
  if group and group ~= '' then
    expect('zset', queue_of(group))
    expect('hash', seat_of(group))
    -- Who makes way is told of.
    expect('zset', P .. 'outbox')
    expect('hash', P .. 'outbox:why')
  end
end

local function holder_of(group)
  local holder = call('HGET', seat_of(group), 'holder')
  if not holder then
    holder = '-'
    local from = 0
    repeat
      local page = call('ZRANGE', queue_of(group), from, from + PAGE - 1)
      for _, at in ipairs(page) do
        local id = string.sub(at, 18)
        if call('HGET', P .. 'r:' .. id, 'stand') == 'holds' then
          holder = id
        end
      end
      from = from + PAGE
    until #page < PAGE or holder ~= '-'
    if from > PAGE or holder ~= '-' then
      call('HSET', seat_of(group), 'holder', holder)
    end
  end
  return holder ~= '-' and holder or nil
end

local function wake(at)
  if not at then
    return
  end
  local key = P .. 'r:' .. string.sub(at, 18)
  if call('HGET', key, 'waits_for') == 'group' then
    call('HINCRBY', key, 'version', 1)
    call('HSET', key, 'due', int(now))
    call('ZADD', P .. 'due', int(now), at)
    woken = true
  end
end

local function behind(group, at)
  return call('ZRANGEBYLEX', queue_of(group), '(' .. at, '+', 'LIMIT', 0, 1)[1]
end

-- A run has left the queue: others may have their turn.
local function part(group, at, id)
  local held = holder_of(group) == id
  call('ZREM', queue_of(group), at)
  wake(behind(group, at))
  if held then
    call('HSET', seat_of(group), 'holder', '-')
    wake(call('ZRANGE', queue_of(group), 0, 0)[1])
  end
  if call('ZCARD', queue_of(group)) == 0 then
    call('DEL', seat_of(group))
  end
end

-- Ends a run that nobody works on and of which no call is open.
local function finish(id, state, reason)
  local key = P .. 'r:' .. id
  local run = call('HMGET', key, 'state', 'rule', 'seq', 'charge', 'rated', 'pending', 'waits_for', 'grp', 'stand', 'wrote',
    'fence')
  local at = member(run[3], id)
  call('HINCRBY', key, 'version', 1)
  call('HSET', key, 'op', '', 'state', state, 'waits_for', '', 'reason', '=' .. reason, 'worker', '', 'due', '', 'stand',
    '', 'behind', '', 'updated', int(now))
  unlist_run(run[1], run[2], at)
  list_run(state, run[2], at)
  list_wait(run[7], '', at)
  call('ZREM', P .. 'due', at)
  if state == 'cancelled' then
    keep_notice(id, run[11], 'run_cancelled', '=' .. reason)
  end
  if run[10] == '' then
    refund(id, run[4], run[5])
  end
  burst_over(id, run[6])
  if run[9] ~= '' then
    part(run[8], at, id)
  end
end

local function superseded(id, newer)
  finish(id, 'superseded', 'superseded by run ' .. newer)
end

-- A run that is ready takes its place in the queue: older ones may have to make way. Gives the newer one for which it makes
-- way itself.
local function join(run)
  if run.latest ~= '' then
    local other = call('HGET', seat_of(run.group), 'newest')
    local found = other and other ~= run.id and call('HMGET', P .. 'r:' .. other, 'stand', 'latest', 'begun', 'seq')
    if found and found[1] == 'queued' and found[2] ~= '' and found[3] == '' then
      if member(found[4], other) < run.at then
        superseded(other, run.id)
      elseif run.begun == '' then
        return other
      end
    end
  end
  local holder = run.cancels ~= '' and holder_of(run.group)
  if holder then
    local key = P .. 'r:' .. holder
    local found = call('HMGET', key, 'seq', 'state', 'open')
    if member(found[1], holder) < run.at then
      if (found[2] == 'queued' or found[2] == 'waiting') and found[3] == '' then
        finish(holder, 'cancelled', 'cancelled: run ' .. run.id .. ' of its group is newer')
      else
        call('HINCRBY', key, 'version', 1)
        call('HSET', key, 'makes_way', run.id)
      end
    end
  end
  call('ZADD', queue_of(run.group), 0, run.at)
  call('HSET', P .. 'r:' .. run.id, 'stand', 'queued', 'behind', '')
  if run.latest ~= '' and run.begun == '' then
    call('HSET', seat_of(run.group), 'newest', run.id)
  end
end

-- A due run wants to go on: whether it has its group, or needs none. Otherwise it was kept as waiting, or as ended.
local function turn(run)
  if run.group == '' then
    return true
  end
  if run.stand == '' then
    local newer = join(run)
    if newer then
      superseded(run.id, newer)
      return false
    end
    wake(behind(run.group, run.at))
  end
  -- It is there, unless somebody deleted the queue.
  call('ZADD', queue_of(run.group), 0, run.at)
  if run.stand == 'holds' then
    return true
  end
  local key = P .. 'r:' .. run.id
  local before = call('ZREVRANGEBYLEX', queue_of(run.group), '(' .. run.at, '-', 'LIMIT', 0, 1)[1]
  local ahead = before and string.sub(before, 18) or holder_of(run.group)
  if not ahead then
    call('HSET', seat_of(run.group), 'holder', run.id)
    call('HSET', key, 'stand', 'holds', 'behind', '')
    return true
  end
  local due = int(bounded(now + GROUP_LOOK))
  call('HINCRBY', key, 'version', 1)
  call('HSET', key, 'op', '', 'state', 'waiting', 'waits_for', 'group', 'reason',
    '=waits for run ' .. ahead .. ' in its group `' .. run.group .. '`', 'worker', '', 'due', due, 'behind', ahead,
    'updated', int(now))
  if run.state ~= 'waiting' then
    unlist_run(run.state, run.rule, run.at)
    list_run('waiting', run.rule, run.at)
  end
  list_wait(run.waits_for, 'group', run.at)
  burst_over(run.id, run.pending)
  call('ZADD', P .. 'due', due, run.at)
  return false
end
