"""A web radio: finds a first track, plays it, asks what comes next, and goes on when the server is away for a while.

python examples/web_radio.py pink floyd
"""

import os
import sys
import time

from segue_client import Segue

URL = os.environ.get("SEGUE_URL", "http://127.0.0.1:8000")
SECONDS = float(os.environ.get("SECONDS_PER_TRACK", "5"))
TRACKS = int(os.environ.get("TRACKS", "1000000"))

with Segue(URL, outbox="web_radio.db") as segue:
    track = segue.search(" ".join(sys.argv[1:]) or "queen")[0]
    radio = segue.listener("web-radio")
    for _ in range(TRACKS):
        print(f"Now playing: {track.label}", flush=True)
        up_next = radio.played(track.track_id, n=50, artist_gap=2)
        time.sleep(SECONDS)  # play it here
        track = up_next.tracks[0]
