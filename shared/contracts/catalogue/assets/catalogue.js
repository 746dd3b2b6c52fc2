// Finds pages on the first page, and copies examples. Every page is complete without it.
"use strict";

const form = document.querySelector("form.search");
if (form) {
  const field = form.querySelector("input");
  const said = document.querySelector("#search-said");
  const items = [...document.querySelectorAll(".found > li")].map((item) => ({
    item,
    text: `${item.textContent} ${item.dataset.words}`.toLowerCase(),
  }));
  const groups = [...document.querySelectorAll(".group, .column")];

  const search = () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const { item, text } of items) {
      item.hidden = !words.every((word) => text.includes(word));
      count += item.hidden ? 0 : 1;
    }
    for (const group of groups) group.hidden = !group.querySelector(".found > li:not([hidden])");
    said.textContent = words.length ? `${count || "No"} ${count === 1 ? "page" : "pages"}` : "";
  };

  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  field.addEventListener("input", search);
  const asked = new URLSearchParams(location.search).get("q");
  if (asked) {
    field.value = asked;
  }
  search();
}

for (const example of document.querySelectorAll(".example pre")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(example.textContent);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
  example.before(button);
}
