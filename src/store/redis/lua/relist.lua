-- Puts events, runs and small values back where they are found, from what they say of themselves. Gives how many entries were
-- missing.
local missing = 0
-- All types are checked before anything is written: what Lua has written stays, whatever comes after.
local entries = {}

local function enter(index, at, score)
  expect('zset', index)
  entries[#entries + 1] = { 'ZADD', index, 'NX', score or 0, at }
end

local function enter_set(index, what)
  expect('set', index)
  entries[#entries + 1] = { 'SADD', index, what }
end

local names = {}
local function enter_name(name, seq)
  names[#names + 1] = { 'SET', name, seq, 'NX' }
end

local function enter_event(seq)
  local event = call('HMGET', P .. 'e:' .. seq, 'source', 'id', 'kind', 'subject', 'digest')
  if not event[1] then
    return
  end
  for _, index in ipairs({ P .. 'events', P .. 'k:' .. event[3], P .. 'b:' .. event[4] }) do
    enter(index, member(seq))
  end
  enter_set(P .. 'kinds', event[3])
  enter_set(P .. 'sources', event[1])
  -- What it is known by; where that leads to another one, it leads there.
  enter_name(name_of(event[1], event[2]), seq)
  if event[5] ~= '' then
    enter_name(P .. 'd:' .. event[1] .. ':' .. event[5], seq)
  end
end

local function enter_run(id)
  local run = call('HMGET', P .. 'r:' .. id, 'state', 'rule', 'seq', 'due', 'waits_for', 'grp', 'stand')
  if not run[1] then
    return
  end
  local at = member(run[3], id)
  enter(by_state(run[1]), at)
  enter(by_rule(run[1], run[2]), at)
  if (run[5] or '') ~= '' then
    enter(by_wait(run[5]), at)
  end
  if run[4] ~= '' then
    enter(P .. 'due', at, run[4])
    if run[1] == 'unknown' then
      enter(by_wait('person'), at)
    end
  end
  if (run[7] or '') ~= '' then
    enter(queue_of(run[6]), at)
  end
end

local function enter_value(rest)
  local space, name = string.match(rest, '^([^:]*):(.*)$')
  local kept = call('HMGET', P .. 'kv:' .. rest, 'v', 'u')
  if space and kept[1] then
    enter(P .. 'kvs:' .. space, name)
    if (kept[2] or '') ~= '' then
      enter(P .. 'kvx', rest, kept[2])
    end
  end
end

local ways = { e = enter_event, r = enter_run, kv = enter_value }
for _ = 1, tonumber(take()) do
  local kind, rest = string.match(take(), '^(%l+):(.*)$')
  ways[kind](rest)
end
for _, entry in ipairs(entries) do
  missing = missing + call(unpack(entry))
end
for _, name in ipairs(names) do
  call(unpack(name))
end
if missing > 0 then
  changes()
end
return { 'listed', int(now), int(clock), missing }
