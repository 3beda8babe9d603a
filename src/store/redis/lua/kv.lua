-- Small values by name. A value is a hash of its bytes and its end; `kvs:` lists a space's names, `kvx` the ends, from
-- which every write takes some that are over. What is over is told by the end kept with the value.
local op, space = take(), take()
local ENDS = P .. 'kvx'
local SWEPT_MAX = 16

local function over(ends)
  return ends and ends ~= '' and tonumber(ends) <= now
end

local function names_of(space)
  return P .. 'kvs:' .. space
end

local function key_of(space, name)
  return P .. 'kv:' .. space .. ':' .. name
end

-- The value of a name, unless there is none or its time is over.
local function find(space, name)
  local kept = call('HMGET', key_of(space, name), 'v', 'u')
  if not kept[1] or over(kept[2]) then
    return nil
  end
  return kept[1], kept[2]
end

if op == 'list' then
  local low, high, entries_max, bytes_max, scans_max = take(), take(), tonumber(take()), tonumber(take()), 1024
  local found, count, bytes, last = {}, 0, 0, ''
  local names = call('ZRANGEBYLEX', names_of(space), low, high, 'LIMIT', 0, scans_max)
  for _, name in ipairs(names) do
    local value, ends = find(space, name)
    last = name
    if value then
      found[#found + 1], found[#found + 2], found[#found + 3] = name, value, ends or ''
      count, bytes = count + 1, bytes + #value
      if count >= entries_max or bytes > bytes_max then
        last = ''
        break
      end
    end
  end
  -- Where nothing but the bound on names stopped it, the caller goes on behind the last of them.
  return { 'found', int(now), int(clock), #names == scans_max and last or '', found }
end

local function sweep()
  for _, ended in ipairs(call('ZRANGEBYSCORE', ENDS, '-inf', int(now), 'LIMIT', 0, SWEPT_MAX)) do
    local of_space, of_name = string.match(ended, '^([^:]*):(.*)$')
    local key = P .. 'kv:' .. ended
    if over(call('HGET', key, 'u')) then
      call('DEL', key)
      call('ZREM', names_of(of_space), of_name)
    end
    call('ZREM', ENDS, ended)
  end
end

local function expect_room(space, name)
  expect('hash', key_of(space, name))
  expect('zset', names_of(space), ENDS)
end

local function set(space, name, value, ttl)
  local ends = ttl ~= '' and int(bounded(now + tonumber(ttl))) or ''
  call('HSET', key_of(space, name), 'v', value, 'u', ends)
  call('ZADD', names_of(space), 0, name)
  if ends ~= '' then
    call('ZADD', ENDS, ends, space .. ':' .. name)
  else
    call('ZREM', ENDS, space .. ':' .. name)
  end
end

local function unset(space, name)
  call('DEL', key_of(space, name))
  call('ZREM', names_of(space), name)
  call('ZREM', ENDS, space .. ':' .. name)
end

if op == 'batch' then
  local holds = true
  for _ = 1, tonumber(take()) do
    local of_space, of_name, there, value = take(), take(), take(), take()
    expect_room(of_space, of_name)
    local present = find(of_space, of_name)
    holds = holds and (there == '1' and present == value or there == '' and not present)
  end
  local changed = {}
  for n = 1, tonumber(take()) do
    changed[n] = { take(), take(), take(), take(), take() }
    expect_room(changed[n][1], changed[n][2])
  end
  local said = audits()
  expect('stream', P .. 'audit')
  if not holds then
    return { 'none', int(now), int(clock), '' }
  end
  changes()
  sweep()
  for _, change in ipairs(changed) do
    if change[3] == 'put' then
      set(change[1], change[2], change[4], change[5])
    else
      unset(change[1], change[2])
    end
  end
  keep_audits(said)
  return { 'kept', int(now), int(clock), '' }
end

local name = take()
if op == 'get' then
  local value = find(space, name)
  return { value and 'some' or 'none', int(now), int(clock), value or '' }
end
expect_room(space, name)

local function keep(value, ttl)
  changes()
  sweep()
  set(space, name, value, ttl)
end

local present = find(space, name)
local word = present and 'some' or 'none'
if op == 'delete' then
  if present then
    changes()
    sweep()
    unset(space, name)
  end
elseif op == 'incr' then
  local by, ttl = take(), take()
  if present then
    local counted = redis.pcall('HINCRBY', key_of(space, name), 'v', by)
    if type(counted) == 'table' and counted.err then
      return { string.find(counted.err, 'overflow', 1, true) and 'full' or 'text', int(now), int(clock), '' }
    end
    changes()
  else
    keep(by, ttl)
  end
  -- Read back, for a number in here has only 53 bits.
  present = call('HGET', key_of(space, name), 'v')
else
  local value, ttl, expected = take(), take(), take()
  if op == 'put' or (op == 'absent' and not present) or (op == 'cas' and present == expected) then
    keep(value, ttl)
    word = 'kept'
  end
end
return { word, int(now), int(clock), present or '' }
