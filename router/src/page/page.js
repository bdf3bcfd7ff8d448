// The person's own page and the waiting page: shows the steps as they happen. Writes text only,
// never markup, so that nothing an agent or a service said can become part of the page.
"use strict";

const STEPS = [
  ["prepare_home", "Prepare your files"],
  ["register_task", "Prepare the program"],
  ["grant_lease", "Give it access to the models"],
  ["run_task", "Start the program"],
  ["await_address", "Wait until it listens"],
  ["open_route", "Open the way to it"],
  ["probe_ready", "Wait for its first answer"],
];
const el = (id) => document.getElementById(id);
const waiting = document.body.dataset.waiting === "yes";
let view = null;
let begun = null;
let done = new Map();
let skew = 0;

const seconds = (ms) => (ms < 100 ? "< 0.1 s" : `${(ms / 1000).toFixed(1)} s`);
const now = () => Date.now() + skew;
const clock = (time) => new Date(time).toLocaleTimeString();

// Leaves alone what says it already, so that a screen reader does not read it out again.
function say(id, words) {
  if (el(id).textContent !== words) el(id).textContent = words;
}

// What has just gone must not take a keyboard's place on the page with it.
function hide(id, hidden) {
  const lost = hidden && el(id).contains(document.activeElement);
  el(id).hidden = hidden;
  if (lost) el("answer").focus();
}

function fact(envelope) {
  const at = Date.parse(envelope.time);
  const data = envelope.data || {};
  if (envelope.type === "teamclaw.workspace.start_requested.v1") {
    begun = at;
    done = new Map();
  } else if (envelope.type === "teamclaw.workspace.replay_requested.v1") {
    begun = at;
    const from = STEPS.findIndex(([name]) => name === data.from);
    done = new Map([...done].filter(([name]) => STEPS.findIndex(([step]) => step === name) < from));
  } else if (envelope.type === "teamclaw.step.done.v1") {
    done.set(data.step, at);
  } else if (envelope.type === "teamclaw.step.undone.v1") {
    done.delete(data.step);
  }
}

function drawSteps() {
  let last = begun;
  const items = STEPS.map(([name, words]) => {
    const item = document.createElement("li");
    const label = document.createElement("span");
    const took = document.createElement("time");
    label.textContent = words;
    item.append(label, took);
    const at = done.get(name);
    if (at !== undefined) {
      item.className = "done";
      if (last !== null && at >= last) took.textContent = seconds(at - last);
      last = at;
    } else if (view && view.trouble && view.trouble.step === name) {
      item.className = "bad";
    } else if (view && view.status === "starting" && view.step === name) {
      item.className = "now";
      item.setAttribute("aria-current", "step");
      if (last !== null) took.textContent = seconds(now() - last);
    }
    return item;
  });
  el("steps").replaceChildren(...items);
  const whole = done.size === STEPS.length && begun !== null;
  el("steps-title").textContent = whole ? `Started in ${seconds(last - begun)}` : "The start";
}

function draw() {
  if (!view) return;
  const is = (...names) => names.includes(view.status);
  say("status", view.words);
  el("status").dataset.status = view.status;
  el("hint").hidden = !view.retrying;
  say("hint", view.retrying ? `Trying again: ${view.retrying}` : "");
  if (view.notice) {
    say("notice-words", `Nobody has used your agent since ${clock(view.notice.idleSince)}. ` +
      `It will stop at ${clock(view.notice.stopAt)}.`);
  }
  hide("notice", !view.notice);
  el("way").hidden = is("asleep", "stopping");
  hide("open", !is("ready"));
  hide("wake", !is("asleep", "stopping"));
  hide("replay", !is("failed", "parked"));
  hide("stop", !is("starting", "ready", "failed", "parked"));
  say("who", view.person);
  const idle = el("idle");
  idle.min = view.idleLeastMinutes;
  idle.max = view.idleMostMinutes;
  if (document.activeElement !== idle) idle.value = view.idleTimeoutMinutes;
  drawSteps();
  if (waiting && is("ready")) enter();
}

// Reloads the address that the person wanted. An agent that is ready and does not answer must not
// make the page reload in a circle, so each reload soon after another waits twice as long.
let entering = false;
function enter() {
  if (entering) return;
  entering = true;
  const last = JSON.parse(sessionStorage.getItem("teamclaw-entered") || "{}");
  const soon = last.at && Date.now() - last.at < 60000;
  const wait = soon ? Math.min((last.wait || 500) * 2, 30000) : 0;
  setTimeout(() => {
    sessionStorage.setItem("teamclaw-entered", JSON.stringify({ at: Date.now(), wait }));
    location.reload();
  }, wait);
}

async function ask(action, body) {
  el("answer").textContent = "";
  const options = { method: "POST", headers: { "content-type": "application/json" } };
  if (body) options.body = JSON.stringify(body);
  try {
    const response = await fetch(`/teamclaw/${action}`, options);
    const answer = await response.json();
    if (!response.ok) {
      el("answer").textContent = [answer.error, answer.hint].filter(Boolean).join(". ");
    } else if (action === "logout") {
      location.replace("/teamclaw/");
    } else if (action === "snooze") {
      el("answer").textContent = `It stays awake until ${clock(answer.until)}.`;
    } else if (answer.status) {
      view = answer;
      draw();
    }
  } catch {
    el("answer").textContent = "The front door does not answer. Try again in a moment.";
  }
}

function listen() {
  const source = new EventSource("/teamclaw/live");
  source.addEventListener("fact", (event) => {
    fact(JSON.parse(event.data));
    drawSteps();
  });
  source.addEventListener("status", (event) => {
    view = JSON.parse(event.data);
    skew = Date.parse(view.now) - Date.now();
    draw();
  });
}

if (el("login")) {
  // The secret leaves the address bar, so that it is in no history and no screenshot.
  history.replaceState(null, "", "/teamclaw/login");
} else {
  for (const button of document.querySelectorAll("[data-do]")) {
    const body = button.dataset.do === "snooze" ? { minutes: 60 } : null;
    button.addEventListener("click", () => ask(button.dataset.do, body));
  }
  el("settings").addEventListener("submit", (event) => {
    event.preventDefault();
    ask("settings", { idleMinutes: Number(el("idle").value) });
  });
  el("idle-default").addEventListener("click", () => ask("settings", { idleMinutes: null }));
  setInterval(() => view && view.status === "starting" && drawSteps(), 200);
  listen();
}
