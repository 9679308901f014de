/** JSON in few lines: what fits into one is not broken. */
export function pretty(value, under = "") {
  const line = JSON.stringify(value, null, 1).replace(/\s*\n\s*/g, " ");
  if (line.length + under.length <= 100 || value === null || typeof value !== "object") return line;
  const inner = `${under}  `, list = Array.isArray(value);
  if (list && value.every((each) => typeof each === "number")) return `[\n${inner}${wrapped(value, inner)}\n${under}]`;
  const items = list ? value.map((each) => pretty(each, inner)) : Object.entries(value).map(([key, each]) => `${JSON.stringify(key)}: ${pretty(each, inner)}`);
  return `${list ? "[" : "{"}\n${inner}${items.join(`,\n${inner}`)}\n${under}${list ? "]" : "}"}`;
}

/** Many numbers, as many a line as fit. */
function wrapped(values, inner) {
  const lines = [""];
  values.forEach((each, i) => {
    const text = `${each}${i < values.length - 1 ? "," : ""}`;
    if (lines.at(-1).length + text.length + inner.length > 98) lines.push("");
    lines[lines.length - 1] += `${lines.at(-1) ? " " : ""}${text}`;
  });
  return lines.join(`\n${inner}`);
}
