"use strict";
for (const tools of document.querySelectorAll(".tools")) {
  const queries = [...tools.parentElement.querySelectorAll("details.q")];
  const count = tools.querySelector(".count");
  tools.hidden = false;
  tools.addEventListener("input", (event) => {
    const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const query of queries) {
      const text = query.textContent.toLowerCase();
      query.hidden = !words.every((word) => text.includes(word));
      shown += query.hidden ? 0 : 1;
    }
    count.textContent = words.length ? `${shown} of ${queries.length}` : "";
  });
  tools.addEventListener("click", (event) => {
    if (event.target.dataset.open === undefined) return;
    for (const query of queries) query.open = event.target.dataset.open === "1" && !query.hidden;
  });
}
