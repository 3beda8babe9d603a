-- What became of runs and was not told yet, oldest first: when, what of which run, why; and so on.
local max = tonumber(take())
local found = call('ZRANGE', P .. 'outbox', 0, max - 1, 'WITHSCORES')
local told = {}
for at = 1, #found, 2 do
  told[#told + 1] = int(tonumber(found[at + 1]))
  told[#told + 1] = found[at]
  told[#told + 1] = call('HGET', P .. 'outbox:why', found[at]) or ''
end
return { 'found', int(now), int(clock), told }
