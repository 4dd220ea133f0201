-- Gives a session a new key: replaces the live record at a version by a forward, and
-- creates the record at the new key, where none is live.
-- KEYS: the old record, the new record, the index of the forward's owner, the index of
-- the new record's owner. Without an owner, the key of the record instead.
-- ARGV: now in ms, the version, the forward's value, its time to live in ms, the new
-- value, its time to live, the margin in ms by which the server removes later, then for
-- each index the end of the entry's life in ms and the entry, or '' for none to add, and
-- the forward's owner and the old key in 32 bytes.
-- Returns what write.lua returns, or 1 if it has removed the entry itself. It writes the
-- indexes first: if one is of another type, it has written no record.
local now, margin = tonumber(ARGV[1]), tonumber(ARGV[7])
local head = redis.pcall('GETRANGE', KEYS[1], 0, 297) -- up to the entry ID
if type(head) ~= 'string' or #head < 38 or string.byte(head) ~= 1 then return false end
if string.sub(head, 2, 9) ~= ARGV[2] or struct.unpack('>i8', head, 26) <= now then return false end
local taken = redis.pcall('GETRANGE', KEYS[2], 0, 37)
if type(taken) ~= 'string' then return false end
if taken ~= '' and (#taken < 38 or string.byte(taken) ~= 1 or struct.unpack('>i8', taken, 26) > now) then return false end

local function add(index, ends, entry) -- as index.lua
  if entry == '' then return end
  redis.call('ZREMRANGEBYSCORE', index, '-inf', string.format('%.0f', now - margin))
  redis.call('ZADD', index, 'GT', ends, entry)
  local last = tonumber(redis.call('ZREVRANGE', index, 0, 0, 'WITHSCORES')[2])
  redis.call('PEXPIRE', index, string.format('%.0f', math.max(last - now, 0) + margin))
end
add(KEYS[3], ARGV[8], ARGV[9])
add(KEYS[4], ARGV[10], ARGV[11])
redis.call('SET', KEYS[2], ARGV[5], 'PX', ARGV[6])
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
local owner = string.byte(head, 34)
if owner == 0 then return 1 end
if ARGV[9] ~= '' and string.sub(head, 35, 34 + owner) == ARGV[12] then
  local before = ARGV[13] .. string.sub(head, 35 + owner, 42 + owner)
  -- Equal if its life was extended. An error must not hide that the records were written.
  if before ~= ARGV[9] then redis.pcall('ZREM', KEYS[3], before) end
  return 1
end
return string.sub(head, 35, 34 + owner + 8)
