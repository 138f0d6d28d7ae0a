-- Returns the whole timeline of a store as one list:
-- {epoch, rev, change_id, seq, language, notice, appearance_id, {call_id of a cancelled call, ...}, now, call, call, ...}
-- `now` is the time on the timeline's clock.
-- In this list, each call is a list, too: {call_id, seq, till, language, starts_in_ms, hold_ms, replaces, label}.
local head = redis.call('HMGET', store, 'epoch', 'rev', 'mark', 'seq', 'language', 'notice', 'look')
local cancelled = {}
for index, call in ipairs(cjson.decode(redis.call('HGET', store, 'cancelled') or '[]')) do
  cancelled[index] = call.mark
end
local answer = {
  head[1] or '', head[2] or '0', head[3] or '', head[4] or '0', head[5] or '', head[6] or '', head[7] or '', cancelled,
  now,
}
for _, call in ipairs((unended())) do
  answer[#answer + 1] = {
    call.mark, call.seq, call.num_cashier, call.language, call.start - now, call.hold_ms, call.replaces and 1 or 0,
    call.label or '', -- The label is missing if an older version of web has scheduled the call.
  }
end
return answer
