// New requests appear on the first page as they arrive. Everything else works without this.
const parts = ["received", "figures", "campaign"];
const list = document.getElementById("received");

async function refresh() {
  const page = await fetch(location.href, { headers: { Accept: "text/html" } });
  const fresh = new DOMParser().parseFromString(await page.text(), "text/html");
  for (const id of parts) {
    const old = document.getElementById(id);
    if (id === "campaign" && old === document.activeElement) continue;
    if (id === "received" && old.contains(document.activeElement)) continue;
    old.replaceWith(fresh.getElementById(id));
  }
  document.getElementById("news").textContent = "New requests have arrived.";
}

if (list && list.dataset.page === "1") {
  let waiting = 0;
  new EventSource("/events").addEventListener("received", () => {
    clearTimeout(waiting);
    waiting = setTimeout(refresh, 200);
  });
}
