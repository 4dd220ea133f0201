-- Adds an entry to an owner's index, or extends its life, and removes the entries
-- whose life has ended.
-- KEYS: the index. ARGV: now in ms, the end of the entry's life in ms, the entry,
-- the margin in ms by which the server removes later.
local now, margin = tonumber(ARGV[1]), tonumber(ARGV[4])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - margin))
redis.call('ZADD', KEYS[1], 'GT', ARGV[2], ARGV[3])
local last = tonumber(redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2])
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.max(last - now, 0) + margin))
return 1
