-- Which of these books may be deleted, as far as they themselves tell; or, when the caller has found that no event up to
-- a place needs them, deletes them, if that still holds.
local seen, upto, kept_ms = take(), take(), tonumber(take())
local books, texts = {}, {}
for _ = 1, tonumber(take()) do
  books[#books + 1] = take()
end
for _ = 1, tonumber(take()) do
  texts[#texts + 1] = { version = P .. 't:' .. take(), rule = take() }
end
local shelf = call('HMGET', META, 'shelf', 'last_good')
local due = {}
for _, hash in ipairs(books) do
  local kept = call('HGET', P .. 'book:' .. hash, 'kept')
  if kept and bounded(tonumber(kept) + kept_ms) <= now and hash ~= shelf[2] then
    due[#due + 1] = hash
  end
end
if seen == '' then
  return { 'due', int(now), int(clock), shelf[1] or '0', due }
end
-- Another book was kept or an event was given another one meanwhile: the caller looks again.
local newer = call('ZRANGEBYLEX', P .. 'events', upto == '' and '-' or '(' .. upto, '+', 'LIMIT', 0, 500)
if seen ~= (shelf[1] or '0') or #due ~= #books or #newer == 500 then
  return { 'lost', int(now), int(clock) }
end
for _, at in ipairs(newer) do
  local book = call('HGET', P .. 'e:' .. int(tonumber(at)), 'book')
  for _, hash in ipairs(books) do
    if book == hash then
      return { 'lost', int(now), int(clock) }
    end
  end
end
if #books > 0 then
  changes()
end
for _, hash in ipairs(books) do
  call('UNLINK', P .. 'book:' .. hash)
end
for _, text in ipairs(texts) do
  expect('hash', text.version)
  call('HDEL', text.version, text.rule)
end
return { 'done', int(now), int(clock) }
