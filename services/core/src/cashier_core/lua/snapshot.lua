-- The timeline at this moment: {epoch, rev, seq, language, {seq, num_cashier, language, starts_in_ms, hold_ms, replaces}...}
local head = redis.call('HMGET', store, 'epoch', 'rev', 'seq', 'language')
local answer = {head[1] or '', head[2] or '0', head[3] or '0', head[4] or ''}
for _, call in ipairs(unended()) do
  answer[#answer + 1] = {
    call.seq, call.num_cashier, call.language, call.start - now, call.hold_ms, call.replaces and 1 or 0,
  }
end
return answer
