"use strict";
// The page is whole without this: it marks the place in the contents, opens folded evidence that an
// address points into, sorts tables, and hands out charts and tables as files.
(() => {
  const all = (what, where = document) => [...where.querySelectorAll(what)];
  document.documentElement.classList.add("scripted");

  const links = all("nav li > a");
  const targets = links.map(a => document.getElementById(a.hash.slice(1)));
  const fold = document.querySelector("nav > details");
  const narrow = matchMedia("(max-width: 1105.9px)");
  const label = document.querySelector("nav summary");
  const contents = label.textContent;
  const refold = () => { fold.open = !narrow.matches; };
  narrow.addEventListener("change", refold);
  refold();
  links.forEach(a => a.addEventListener("click", () => { if (narrow.matches) fold.open = false; }));
  addEventListener("keydown", event => { if (event.key === "Escape" && narrow.matches) fold.open = false; });

  const place = () => {
    let here = 0;
    targets.forEach((t, i) => {
      if (t && t.getClientRects().length && t.getBoundingClientRect().top < 160) here = i;
    });
    links.forEach((a, i) => i === here ? a.setAttribute("aria-current", "location") : a.removeAttribute("aria-current"));
    all("nav .here").forEach(li => li.classList.remove("here"));
    for (let li = links[here]?.closest("li"); li; li = li.parentElement.closest("li")) li.classList.add("here");
    label.textContent = narrow.matches ? `${contents} · ${(links[here]?.querySelector("b") ?? links[here])?.textContent ?? ""}` : contents;
  };
  let waiting = false;
  addEventListener("scroll", () => {
    if (!waiting) { waiting = true; requestAnimationFrame(() => { waiting = false; place(); }); }
  }, { passive: true });
  place();

  const unfold = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const folded = target?.closest("details.appendix");
    if (folded && !folded.open) { folded.open = true; target.scrollIntoView(); }
  };
  addEventListener("hashchange", unfold);
  unfold();

  const save = (name, kind, text) => {
    const a = document.createElement("a");
    a.href = URL.createObjectURL(new Blob([text], { type: kind }));
    a.download = name;
    a.click();
    setTimeout(() => URL.revokeObjectURL(a.href), 1000);
  };
  const button = (text, does) => {
    const b = document.createElement("button");
    b.type = "button";
    b.textContent = text;
    b.addEventListener("click", does);
    return b;
  };
  const value = cell => {
    if (cell.dataset.v !== undefined) return Number(cell.dataset.v);
    return cell.textContent.trim();
  };
  // A spreadsheet computes a text that begins like a formula; an apostrophe keeps it a text.
  const harmless = text => /^[=+\-@\t\r]/.test(text) && !/^[+-]?[\d.,\s]+%?$/.test(text) ? `'${text}` : text;
  const csv = table => all("tr", table).map(row => all("th, td", row).map(cell => {
    const text = cell.dataset.v ?? harmless(cell.textContent.trim().replaceAll("−", "-"));
    return `"${String(text).replaceAll('"', '""')}"`;
  }).join(",")).join("\r\n");

  all("figure.exhibit[id]").forEach(figure => {
    const tools = document.createElement("div");
    tools.className = "tools";
    const table = figure.querySelector("table");
    if (figure.querySelector("svg")) tools.append(button("SVG", () => {
      // The drawing for a phone stands beside the wide one: what is seen is saved.
      const svg = all("svg", figure).find(drawing => drawing.checkVisibility()) ?? figure.querySelector("svg");
      const copy = svg.cloneNode(true);
      const drawn = all("*", svg), copied = all("*", copy);
      drawn.forEach((el, i) => {
        const look = getComputedStyle(el);
        if (el.getAttribute("style")?.includes("var(")) {
          copied[i].style.fill = look.fill;
          copied[i].style.stroke = look.stroke;
        }
      });
      save(`${figure.id}.svg`, "image/svg+xml", new XMLSerializer().serializeToString(copy));
    }));
    if (table) tools.append(button("CSV", () => save(`${figure.id}.csv`, "text/csv", csv(table))));
    figure.append(tools);
  });

  all("figure.exhibit table").forEach(table => {
    const body = table.tBodies[0], rows = [...body.rows];
    const plain = rows.filter(row => !row.className), totals = rows.filter(row => row.className === "total");
    if (plain.length < 5 || rows.some(row => row.className === "group")) return;
    all("thead tr:last-child th", table).forEach((th, column) => {
      if (!th.textContent.trim()) return;
      const does = () => {
        const up = th.getAttribute("aria-sort") === "descending";
        all("th[aria-sort]", table).forEach(other => other.removeAttribute("aria-sort"));
        th.setAttribute("aria-sort", up ? "ascending" : "descending");
        plain.sort((a, b) => {
          const [x, y] = [value(a.cells[column]), value(b.cells[column])];
          const order = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y));
          return up ? order : -order;
        });
        body.append(...plain, ...totals);
      };
      const b = button("", does);
      b.append(...th.childNodes);
      th.append(b);
    });
  });
})();
