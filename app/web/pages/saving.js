// Taking a station along: as a link, or as a playlist file that other players read. Knows nothing of what is playing.

const NAMES = { "application/vnd.apple.mpegurl": "m3u8", "application/xspf+xml": "xspf" };
const TRACKS = 50;

/** Save up to fifty tracks that the station may go on with, as a file. */
export async function save(radio, mediaType) {
  const asked = radio.station.playlist(radio.listener.listenerId, TRACKS);
  const text = await radio.segue.playlistFile(asked, mediaType);
  const url = URL.createObjectURL(new Blob([text], { type: mediaType }));
  const link = document.createElement("a");
  link.href = url;
  link.download = `${radio.station.label.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "")}.${NAMES[mediaType]}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
  return `${link.download} is saved: what this station may play next.`;
}

/** Hand on the link of the station: it is copied, or shown where a page may not copy. */
export async function share(station) {
  const link = `${location.origin}${location.pathname}${station.fragment}`;
  try {
    await navigator.clipboard.writeText(link);
    return "The link is copied. Whoever opens it hears this station.";
  } catch {
    return link;
  }
}
