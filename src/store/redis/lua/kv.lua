-- Small values by name. A value is a hash of its bytes and its end; `kvs:` lists a space's names, `kvx` the ends, from
-- which every write takes some that are over. What is over is told by the end kept with the value.
local op, space = take(), take()
local NAMES, ENDS = P .. 'kvs:' .. space, P .. 'kvx'
local SWEPT_MAX = 16

local function over(ends)
  return ends and ends ~= '' and tonumber(ends) <= now
end

-- The value of a name, unless there is none or its time is over.
local function find(name)
  local kept = call('HMGET', P .. 'kv:' .. space .. ':' .. name, 'v', 'u')
  if not kept[1] or over(kept[2]) then
    return nil
  end
  return kept[1], kept[2]
end

if op == 'list' then
  local low, high, entries_max, bytes_max, scans_max = take(), take(), tonumber(take()), tonumber(take()), 1024
  local found, count, bytes, last = {}, 0, 0, ''
  local names = call('ZRANGEBYLEX', NAMES, low, high, 'LIMIT', 0, scans_max)
  for _, name in ipairs(names) do
    local value, ends = find(name)
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

local name = take()
local KEY, END = P .. 'kv:' .. space .. ':' .. name, space .. ':' .. name
if op == 'get' then
  local value = find(name)
  return { value and 'some' or 'none', int(now), int(clock), value or '' }
end

expect('hash', KEY)
expect('zset', NAMES, ENDS)

local function sweep()
  for _, ended in ipairs(call('ZRANGEBYSCORE', ENDS, '-inf', int(now), 'LIMIT', 0, SWEPT_MAX)) do
    local of_space, of_name = string.match(ended, '^([^:]*):(.*)$')
    local key = P .. 'kv:' .. ended
    if over(call('HGET', key, 'u')) then
      call('DEL', key)
      call('ZREM', P .. 'kvs:' .. of_space, of_name)
    end
    call('ZREM', ENDS, ended)
  end
end

local function keep(value, ttl)
  changes()
  sweep()
  local ends = ttl ~= '' and int(bounded(now + tonumber(ttl))) or ''
  call('HSET', KEY, 'v', value, 'u', ends)
  call('ZADD', NAMES, 0, name)
  if ends ~= '' then
    call('ZADD', ENDS, ends, END)
  else
    call('ZREM', ENDS, END)
  end
end

local present = find(name)
local word = present and 'some' or 'none'
if op == 'delete' then
  if present then
    changes()
    sweep()
    call('DEL', KEY)
    call('ZREM', NAMES, name)
    call('ZREM', ENDS, END)
  end
elseif op == 'incr' then
  local by, ttl = take(), take()
  if present then
    local counted = redis.pcall('HINCRBY', KEY, 'v', by)
    if type(counted) == 'table' and counted.err then
      return { string.find(counted.err, 'overflow', 1, true) and 'full' or 'text', int(now), int(clock), '' }
    end
    changes()
  else
    keep(by, ttl)
  end
  -- Read back, for a number in here has only 53 bits.
  present = call('HGET', KEY, 'v')
else
  local value, ttl, expected = take(), take(), take()
  if op == 'put' or (op == 'absent' and not present) or (op == 'cas' and present == expected) then
    keep(value, ttl)
    word = 'kept'
  end
end
return { word, int(now), int(clock), present or '' }
