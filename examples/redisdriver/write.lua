-- Changes one session, index and all, in one step: Redis runs nothing else
-- meanwhile. Answers how many records it removed or replaced, or nil if the
-- session is not at the version that it is to be changed at.
--
-- KEYS: the session, the index, the expiries
-- ARGV: now in ms; the session's key; the version it has to be at, 0 for no live
--       session, "any" for whatever is there; and then, unless it is only to be
--       removed: version, expires, owner, record
local now, key, at = tonumber(ARGV[1]), ARGV[2], ARGV[3]

-- The name under which an owner's session is in the index. Its length tells the
-- owner "a" apart from "ab", and the rest is compared byte by byte.
local function owned(owner) return 'o' .. string.char(#owner) .. owner .. key end

-- pcall: where another program's value is, no fields are, and nothing lives.
local was = redis.pcall('HMGET', KEYS[1], 'version', 'expires', 'owner')
local live = (tonumber(was[2]) or 0) > now
if at ~= 'any' and at ~= (live and was[1] or '0') then return nil end

local removed = redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], 'k' .. key, owned(was[3] or ''))
redis.call('ZREM', KEYS[3], key)
if #ARGV > 3 then
  local version, expires, owner, record = ARGV[4], ARGV[5], ARGV[6], ARGV[7]
  redis.call('HSET', KEYS[1], 'version', version, 'expires', expires, 'owner', owner, 'record', record)
  redis.call('ZADD', KEYS[2], 0, 'k' .. key)
  if owner ~= '' then redis.call('ZADD', KEYS[2], 0, owned(owner)) end
  redis.call('ZADD', KEYS[3], expires, key)
end
return removed
