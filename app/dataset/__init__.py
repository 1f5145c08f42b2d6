"""A data set folder and the road into it: read, clean, cut into sessions. Nothing here knows of networks."""
