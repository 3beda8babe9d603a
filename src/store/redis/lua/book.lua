-- Keeps a rule book: each rule's text once, then the book, then that it is the last good one.
local hash, settings, list = take(), take(), take()
local texts = {}
for _ = 1, tonumber(take()) do
  texts[#texts + 1] = { version = P .. 't:' .. take(), rule = take(), text = take() }
  expect('hash', texts[#texts].version)
end
local key = P .. 'book:' .. hash
expect('hash', key)
changes()
for _, text in ipairs(texts) do
  call('HSETNX', text.version, text.rule, text.text)
end
call('HSETNX', key, 'settings', settings)
call('HSETNX', key, 'rules', list)
call('HSET', key, 'kept', int(now))
call('HSET', META, 'last_good', hash)
call('HINCRBY', META, 'shelf', 1)
return { 'kept', int(now), int(clock) }
