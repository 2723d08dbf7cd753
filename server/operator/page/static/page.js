// The page works without this script. It shows the local time beside each time in UTC, and keeps the overview fresh.
"use strict";

function localTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const when = new Date(time.dateTime);
    if (time.dataset.local || Number.isNaN(when.getTime()) || when.getTimezoneOffset() === 0) continue;
    time.dataset.local = "shown";
    const local = document.createElement("span");
    local.className = "local";
    local.textContent = " " + when.toLocaleString(undefined, { dateStyle: "short", timeStyle: "medium" }) + " local";
    time.append(local);
  }
}

async function refresh() {
  const main = document.querySelector("main[data-live]");
  if (!main || document.hidden || (main.contains(document.activeElement) && document.activeElement !== main)) return;
  const answer = await fetch(location.href, { redirect: "manual" });
  if (answer.type === "opaqueredirect") return location.reload(); // the session has ended
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
  if (!fresh) return;
  main.replaceChildren(...fresh.children);
  localTimes(main);
}

localTimes(document);
if (document.querySelector("main[data-live]")) {
  setInterval(() => refresh().catch(() => {}), 10_000); // a receiver that is away comes back
}
