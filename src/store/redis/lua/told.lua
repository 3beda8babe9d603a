-- Forgets notices that were told.
for _ = 1, tonumber(take()) do
  local notice = take()
  call('ZREM', P .. 'outbox', notice)
  call('HDEL', P .. 'outbox:why', notice)
end
return { 'done', int(now), int(clock) }
