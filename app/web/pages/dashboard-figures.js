// Numbers and times as people read them. Knows nothing of what they are of.

const WORDS = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** 18240 -> "18,240". */
export const count = (number) => WORDS.format(number);

/** 0.4759 -> ".4759"; a share or a ratio, "–" where there is none. */
export const share = (number) => (Number.isFinite(number) ? number.toFixed(4).replace(/^0\./, ".") : "–");

/** Three digits that matter: 12.3, 0.456, 1,230. */
export function rounded(number) {
  if (!Number.isFinite(number)) return "–";
  if (number >= 100) return count(number);
  return number.toFixed(number >= 10 ? 1 : number >= 1 ? 2 : 3);
}

/** Bytes -> "31.5 MB". */
export function bytes(number) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let unit = 0;
  while (number >= 1000 && unit < units.length - 1) [number, unit] = [number / 1000, unit + 1];
  return `${unit ? rounded(number) : count(number)} ${units[unit]}`;
}

/** Seconds -> "2 min 5 s". */
export function seconds(number) {
  if (!Number.isFinite(number)) return "–";
  if (number < 60) return `${Math.round(number)} s`;
  if (number < 3600) return `${Math.floor(number / 60)} min ${Math.round(number % 60)} s`;
  return `${Math.floor(number / 3600)} h ${Math.round((number % 3600) / 60)} min`;
}

/** An RFC 3339 time -> the time of day, with the day where it is another. */
export function moment(text) {
  if (!text) return "–";
  const at = new Date(text);
  const day = at.toDateString() === new Date().toDateString() ? {} : { day: "numeric", month: "short" };
  return at.toLocaleString("en-GB", { ...day, hour: "2-digit", minute: "2-digit", second: "2-digit" });
}
