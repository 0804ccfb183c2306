// The first page: nodes every two seconds, what waits for people every five, orders as server-sent events, an order's
// journey on demand.
// Foreign text only ever goes through textContent. No framework, no other host (see the content security policy).

const FLEET_INTERVAL_MS = 2000;
const WAITING_INTERVAL_MS = 5000;
const ORDERS_SHOWN_MAX = 50;
const PAINT_INTERVAL_MS = 200; // a backlog brings thousands of events a second: the table follows at its own pace
const STATE_CLASS = { online: "good", lagging: "warn", offline: "warn", fenced: "bad" };
const LIFECYCLE = [
  "order.placed", "order.validated", "order.held", "order.approved", "payment.authorized", "payment.captured",
  "fulfillment.routed", "stock.reserved", "fulfillment.accepted", "fulfillment.rejected", "fulfillment.picked",
  "fulfillment.packed", "fulfillment.ready_for_pickup", "fulfillment.shipped", "fulfillment.delivered",
  "order.cancelled", "order.returned",
];

const byId = (id) => document.getElementById(id);
const orders = new Map(); // order id -> what is shown of it; the newest last
let isPaintDue = false;

function cell(text, className) {
  const element = document.createElement("td");
  element.textContent = text;
  if (className) element.className = className;
  return element;
}

function rowHeader(content) {
  const element = document.createElement("th");
  element.scope = "row";
  element.append(content);
  return element;
}

function row(...cells) {
  const element = document.createElement("tr");
  element.append(...cells);
  return element;
}

function show(table, rows) {
  byId(table).tBodies[0].replaceChildren(...rows);
  byId(table).hidden = rows.length === 0;
}

function say(id, text) {
  const element = byId(id);
  if (element.textContent !== text) element.textContent = text; // a live region speaks at every change
  element.hidden = text === "";
}

const clock = (time) => new Date(time).toLocaleTimeString();
const dateAndClock = (time) => new Date(time).toLocaleString();

function duration(ms) {
  if (ms < 1000) return `${ms} ms`;
  if (ms < 120000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.round(ms / 60000)} min`;
}

function money(minor, currency) {
  try {
    const format = new Intl.NumberFormat(undefined, { style: "currency", currency });
    return format.format(minor / 10 ** format.resolvedOptions().maximumFractionDigits);
  } catch {
    return `${minor} ${currency}`; // a currency that the browser does not know
  }
}

async function ask(path) {
  const answer = await fetch(path, { headers: { accept: "application/json" } });
  const document_ = await answer.json();
  if (answer.status === 401) byId("sign-in").hidden = false;
  if (!answer.ok) throw new Error(document_.detail || document_.title || answer.statusText);
  return document_;
}

// --- nodes -----------------------------------------------------------------------------------------------------------

function nodeRow(node) {
  const unknown = node.pending_unknown_since;
  const pending = unknown ? `unknown since ${clock(unknown)}` : String(node.pending);
  const sum = (field) => String(node.lanes.reduce((total, lane) => total + lane[field], 0));
  const books = node.conserved ? cell("add up", "good") : cell(node.differences.join("; "), "bad differences");
  const name = node.name === node.node_id ? node.node_id : `${node.node_id} (${node.name})`;
  return row(
    rowHeader(name),
    cell([node.state, ...(node.fenced_reason ? [node.fenced_reason] : node.held)].join(": "), STATE_CLASS[node.held.length ? "lagging" : node.state]),
    cell(pending, "number"),
    cell(unknown ? "–" : duration(node.oldest_unacked_age_ms), "number"),
    cell(dateAndClock(node.last_seen)),
    cell(sum("durable_seq"), "number"),
    cell(sum("parked"), sum("parked") === "0" ? "number" : "number bad"),
    books,
    cell(node.software_version),
  );
}

async function refreshFleet() {
  try {
    const { nodes } = await ask("/v1/nodes");
    show("fleet", nodes.map(nodeRow));
    say("fleet-message", nodes.length ? "" : "No node has said hello yet.");
  } catch (error) {
    say("fleet-message", `The nodes cannot be shown: ${error.message}`);
  }
  setTimeout(refreshFleet, FLEET_INTERVAL_MS);
}

// --- what waits for people -------------------------------------------------------------------------------------------

function orderButton(id, text) {
  const open = document.createElement("button");
  open.type = "button";
  open.textContent = text;
  open.dataset.order = id;
  return open;
}

function holdRow(order, hold) {
  const why = hold.findings ? hold.findings.map((finding) => finding.says) : hold.reasons;
  const isOverdue = Date.parse(hold.due_at) < Date.now();
  return row(
    rowHeader(orderButton(order.order_id, order.display_number)),
    cell(order.node_id),
    cell(why.join("; "), "long"),
    cell(hold.owner.replace("_", " ")),
    cell(dateAndClock(hold.due_at), isOverdue ? "bad" : ""),
    cell(hold.proposal ? `${hold.proposal.answer}: ${hold.proposal.because}` : "–", "long"),
    cell(money(order.grand_total_minor, order.currency), "number"),
  );
}

function exceptionRow(order) {
  const asked = order.attempts.map((attempt) => `${attempt.node_id}: ${attempt.reason || attempt.status}`);
  return row(
    rowHeader(order.display_number),
    cell(order.channel),
    cell(order.reason || "–", "long"),
    cell(asked.join("; ") || "nobody", "long"),
    cell(money(order.grand_total_minor, order.currency), "number"),
    cell(dateAndClock(order.received_at)),
  );
}

async function refreshTable(table, path, rowsOf, none) {
  try {
    const page = await ask(path);
    const rows = rowsOf(page);
    const focused = document.activeElement?.closest(`#${table}`) && document.activeElement.dataset.order;
    show(table, rows);
    say(`${table}-message`, rows.length ? (page.next_cursor ? "There are more than these." : "") : none);
    if (focused) byId(table).querySelector(`[data-order="${CSS.escape(focused)}"]`)?.focus();
  } catch (error) {
    say(`${table}-message`, `They cannot be shown: ${error.message}`);
  }
}

async function refreshWaiting() {
  const holds = ({ held }) => held.flatMap((order) => order.holds.map((hold) => holdRow(order, hold)));
  await refreshTable("holds", "/v1/holds", holds, "No order is held.");
  const exceptions = ({ assignments }) => assignments.map(exceptionRow);
  await refreshTable("exceptions", "/v1/assignments?status=exception", exceptions, "Every order has found a store.");
  setTimeout(refreshWaiting, WAITING_INTERVAL_MS);
}

// --- orders ----------------------------------------------------------------------------------------------------------

function remember(id, change) {
  const known = orders.get(id);
  orders.delete(id);
  orders.set(id, { ...known, ...change });
  if (orders.size > ORDERS_SHOWN_MAX) orders.delete(orders.keys().next().value);
  if (!isPaintDue) {
    isPaintDue = true;
    setTimeout(paintOrders, PAINT_INTERVAL_MS);
  }
}

function orderRow([id, order]) {
  const hasTotal = order.grand_total_minor !== undefined;
  return row(
    rowHeader(orderButton(id, order.display_number || id)),
    cell(order.node_id),
    cell(order.order_type || ""),
    cell(order.event),
    cell(hasTotal ? money(order.grand_total_minor, order.currency) : "", "number"),
    cell(order.placed_at ? dateAndClock(order.placed_at) : ""),
  );
}

function paintOrders() {
  isPaintDue = false;
  const focused = document.activeElement?.dataset?.order;
  show("orders", [...orders].reverse().map(orderRow));
  say("orders-message", orders.size ? "" : "No order has arrived yet.");
  if (focused) byId("orders").querySelector(`[data-order="${CSS.escape(focused)}"]`)?.focus();
}

function onEvent(message) {
  const event = JSON.parse(message.data);
  if (!event.subject) return;
  const facts = event.type === "order.placed" ? event.data : {};
  const isNew = !orders.has(event.subject);
  remember(event.subject, { ...facts, node_id: event.nodeid, event: event.type });
  if (isNew && event.type !== "order.placed") lookUp(event.subject);
}

// An older order that goes on: its first event, which names it, came before this page was opened.
async function lookUp(id) {
  try {
    const order = await ask(`/v1/orders/${encodeURIComponent(id)}`);
    const { display_number, order_type, placed_at, currency } = order;
    remember(id, { display_number, order_type, placed_at, currency, grand_total_minor: order.totals.grand_total_minor });
  } catch {
    // It stays in the table under its identifier; opening it says what is wrong.
  }
}

async function loadOrders() {
  try {
    const page = await ask(`/v1/orders?limit=${ORDERS_SHOWN_MAX}`);
    for (const order of page.orders.reverse()) {
      if (!orders.has(order.order_id)) remember(order.order_id, { ...order, event: order.status });
    }
    paintOrders();
  } catch (error) {
    say("orders-message", `The orders cannot be shown: ${error.message}`);
  }
}

function watch() {
  const source = new EventSource("/v1/events");
  source.onopen = () => say("connection", "Live");
  source.onerror = () => {
    say("connection", byId("sign-in").hidden ? "The connection is lost; trying again…" : "Not signed in");
    if (source.readyState === EventSource.CLOSED) setTimeout(watch, FLEET_INTERVAL_MS); // the server said no for now
  };
  source.addEventListener("feed.truncated", loadOrders); // away for longer than the feed is kept
  for (const name of LIFECYCLE) source.addEventListener(name, onEvent);
}

// --- journey ---------------------------------------------------------------------------------------------------------

function fact(name, value) {
  const term = document.createElement("dt");
  const description = document.createElement("dd");
  term.textContent = name;
  description.textContent = value;
  return [term, description];
}

function stepRow(step) {
  return row(
    cell(dateAndClock(step.at)),
    cell(step.event),
    cell(step.status),
    cell(step.node_id),
    cell(step.lane),
    cell(String(step.seq), "number"),
  );
}

async function openJourney(id) {
  byId("journey").hidden = false;
  byId("journey-facts").replaceChildren();
  show("journey-steps", []);
  say("journey-message", "Loading…");
  byId("journey").focus();
  try {
    const order = await ask(`/v1/orders/${encodeURIComponent(id)}`);
    byId("journey-facts").replaceChildren(
      ...fact("Number", order.display_number),
      ...fact("Order", order.order_id),
      ...fact("State", `${order.status}, revision ${order.revision}`),
      ...fact("Store", `${order.store_id}, ${order.terminal_id}`),
      ...fact("Total", money(order.totals.grand_total_minor, order.currency)),
      ...fact("Lines", String(order.lines.length)),
    );
    show("journey-steps", order.journey.map(stepRow));
    say("journey-message", "");
  } catch (error) {
    say("journey-message", `The journey cannot be shown: ${error.message}`);
  }
}

for (const table of ["orders", "holds"]) {
  byId(table).addEventListener("click", (click) => {
    const id = click.target.dataset.order;
    if (id) openJourney(id);
  });
}
byId("journey-close").addEventListener("click", () => {
  byId("journey").hidden = true;
  byId("orders-title").scrollIntoView();
});

// The server keeps the session; the token itself stays nowhere in the page.
byId("sign-in").addEventListener("submit", async (submit) => {
  submit.preventDefault();
  const authorization = `Bearer ${byId("token").value.trim()}`;
  byId("token").value = "";
  const answer = await fetch("/v1/session", { method: "POST", headers: { authorization } });
  if (!answer.ok) {
    say("sign-in-message", "That token may not read here.");
    return;
  }
  say("sign-in-message", "");
  byId("sign-in").hidden = true;
  loadOrders();
});

watch();
loadOrders();
refreshFleet();
refreshWaiting();
