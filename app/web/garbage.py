"""How often Python looks for objects that hold each other and are held by nobody else.

Nearly all that a request makes is gone when the last name for it is. Looking for what is not costs the more, the more
there is to look through, and by itself Python looks several times for every request. Knows nothing of the objects.
"""

import gc

# Objects more than there were at the last look: a batch of requests has some ten thousand in hand, and leaves none.
NEW_OBJECTS = 50_000
# How often what is new is looked through before what is older is, and that before all there is.
LOOKS = 20


def look_rarely() -> None:
    """Look for unreachable objects far less often than Python does by itself, in this process."""
    gc.set_threshold(NEW_OBJECTS, LOOKS, LOOKS)
