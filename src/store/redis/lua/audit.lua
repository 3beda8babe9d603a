-- Adds entries to the audit trail; or, told how long they are kept and how many may go at once, deletes the oldest. The
-- newest one of all stays: the order goes on behind it.
local said, kept_ms, max = audits(), take(), tonumber(take())
local trail = P .. 'audit'
expect('stream', trail)
if kept_ms == '' then
  if #said > 0 then
    changes()
    keep_audits(said)
  end
  return { 'kept', int(now), int(clock) }
end
local over = bounded(now - tonumber(kept_ms))
local oldest = call('XRANGE', trail, '-', '+', 'COUNT', max + 1)
local gone = 0
while gone < #oldest - 1 and tonumber(string.match(oldest[gone + 1][1], '^%d+')) <= over do
  gone = gone + 1
end
if gone > 0 then
  changes()
  call('XTRIM', trail, 'MINID', oldest[gone + 1][1])
end
return { 'pruned', int(now), int(clock), gone }
