"""The Lua that Redis runs for us, each script atomic and on the keys of one lane only. Redis 7.0 and Valkey.

The scripts compare bytes; they know the place of the position in a record, and nothing else of it.
"""

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha1

from app.stores.session_record import POSITION


@dataclass(frozen=True)
class Script:
    """Lua source and the name Redis gives it once it has seen it."""

    source: str

    @cached_property
    def sha(self) -> str:
        """The digest that EVALSHA names the script by."""
        return sha1(self.source.encode(), usedforsecurity=False).hexdigest()


# KEYS: session, the lane's event log. ARGV: the position expected, empty for none; the new record; its lifetime in
# seconds; how many entries the log may hold, about; the entries. Returns 1 when record and entries are stored. A record
# that is there already, byte for byte, was stored by this very commit, and so were its entries: the reply was lost and
# the client asked again. The log first: should it refuse (no room, no stream), nothing has been written. Open streams
# hear of the new position on a channel of the session key's name (`live.py`); a user who may not publish goes without.
COMMIT = Script(f"""
local held = redis.pcall('GETRANGE', KEYS[1], {POSITION.start}, {POSITION.stop - 1})
if held == ARGV[1] then
  for place = 5, #ARGV do
    redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[4], '*', 'e', ARGV[place])
  end
  redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
  local now = string.sub(ARGV[2], {POSITION.start + 1}, {POSITION.stop})
  if now ~= held then
    redis.pcall('PUBLISH', KEYS[1], now)
  end
  return 1
end
if held == string.sub(ARGV[2], {POSITION.start + 1}, {POSITION.stop}) and redis.call('GET', KEYS[1]) == ARGV[2] then
  return 1
end
return 0
""")

# KEYS: session, damaged, the lane's event log. ARGV: how many entries the log may hold, about; the mark to leave in it;
# the position expected, if any is. Returns how many of the first two keys there were, -1 for another position.
DELETE = Script(f"""
local held = redis.pcall('GETRANGE', KEYS[1], {POSITION.start}, {POSITION.stop - 1})
if ARGV[3] and held ~= ARGV[3] then
  return -1
end
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[1], '*', 'e', ARGV[2])
redis.pcall('PUBLISH', KEYS[1], '')
return redis.call('DEL', KEYS[1], KEYS[2])
""")

# KEYS: session, damaged. ARGV: the bytes that could not be read, empty for a value of another type; seconds to keep.
# Does nothing when somebody repaired, replaced or deleted the value since it was read.
SET_ASIDE = Script("""
local kind = redis.call('TYPE', KEYS[1]).ok
if kind == 'none' or (kind == 'string' and redis.call('GET', KEYS[1]) ~= ARGV[1]) then
  return 0
end
redis.call('RENAME', KEYS[1], KEYS[2])
redis.call('EXPIRE', KEYS[2], ARGV[2])
return 1
""")

# KEYS: who collects. ARGV: the id of a log; where it is; for how many seconds. Returns an empty text when it is this
# log's turn, from now on for so long, and else who has it.
HOLD = Script("""
local held = redis.call('GET', KEYS[1])
if held and string.sub(held, 1, #ARGV[1]) ~= ARGV[1] then
  return held
end
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2], 'EX', ARGV[3])
return ''
""")

# KEYS: who collects. ARGV: the id of a log that gives it up, if it has it.
LET_GO = Script("""
local held = redis.call('GET', KEYS[1])
if held and string.sub(held, 1, #ARGV[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
""")

# KEYS: a lane's event log. ARGV: the entry after which to read; how many to read at most. Returns how many entries were
# ever added, how many there are, the name of the last one ever added, and the entries: what was trimmed meanwhile can
# only be told if all four are of one moment.
READ_LANE = Script("""
if redis.call('EXISTS', KEYS[1]) == 0 then
  return {0, 0, '0-0', {}}
end
local said = redis.call('XINFO', 'STREAM', KEYS[1])
local of = {}
for place = 1, #said, 2 do
  of[said[place]] = said[place + 1]
end
return {
  of['entries-added'], of['length'], of['last-generated-id'],
  redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+', 'COUNT', ARGV[2]),
}
""")
