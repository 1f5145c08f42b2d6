// Reasons in words. Knows nothing of how they are found.

/** Say why a track is suggested; `titles` maps the ids of heard tracks to their titles. */
export function inWords(reasons, titles) {
  const heard = reasons.filter((reason) => reason.track_id !== null);
  const of = (kind) => reasons.find((reason) => reason.kind === kind);
  const [neighbours, popular] = [of("neighbours"), of("popularity")];
  const parts = heard.map((reason) => `${titles.get(reason.track_id) ?? reason.track_id} (${times(reason.lift)})`);
  const said = parts.length ? [`Because you heard ${listed(parts)}`] : [];
  if (neighbours) said.push(`${said.length ? "others" : "Others"} who listened like this heard it (${times(neighbours.lift)})`);
  if (popular) said.push(`${said.length ? "it" : "It"} is popular (${times(popular.lift)} an average track)`);
  return said.length ? `${said.join("; ")}.` : "Nothing single: it fits all that was heard.";
}

const times = (lift) => `×${lift >= 10 ? Math.round(lift).toLocaleString("en") : lift.toFixed(1)}`;
const listed = (parts) => (parts.length < 2 ? parts.join("") : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`);
