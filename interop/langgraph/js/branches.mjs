// Threads with two branches: somebody went back and went on otherwise. Whoever goes on from either end must not meet what the other one wrote.
import { Annotation, Command, START, Send, StateGraph, interrupt } from "@langchain/langgraph";
import { notes } from "./branchesjudge.mjs";

export const FIELDS = [];
const sum = () => Annotation({ reducer: (a, b) => (a ?? []).concat(b), default: () => [] });
const State = Annotation.Root({ log: sum(), side: sum(), one: Annotation(), n: Annotation() });

// step goes to both sides, which join, send and step again; each second step asks first.
export const graph = (saver) => new StateGraph(State)
  .addNode("step", async (s) => ({ log: [`step ${s.n ?? 0}`], n: (s.n ?? 0) + 1, one: `one ${s.n ?? 0}` }))
  .addNode("ask", async (s) => ({ log: [`answer ${interrupt(`go on at ${s.n}?`)}`] }))
  .addNode("left", async (s) => ({ side: [`left ${s.n}`] })).addNode("right", async (s) => ({ side: [`right ${s.n}`] }))
  .addNode("join", async (s) => ({ log: [`join ${s.n}`] })).addNode("sent", async ({ k }) => ({ side: [`sent ${k}`] }))
  .addEdge(START, "step").addConditionalEdges("step", (s) => (s.n % 2 ? ["left", "right"] : "ask"), ["left", "right", "ask"]).addEdge("ask", "step")
  .addEdge(["left", "right"], "join").addConditionalEdges("join", (s) => [new Send("sent", { k: s.n })], ["sent"]).addEdge("sent", "step")
  .compile({ checkpointer: saver });

export const answer = (word) => new Command({ resume: word });

// Of each thread: how it is kept, how often it was answered before somebody went back, to which checkpoint, as which node, and how often it was answered since.
const CASES = [["sync", 1, 1, "step", 2], ["sync", 2, 2, "ask", 0], ["sync", 2, 5, "join", 1], ["sync", 3, 1, "ask", 1], ["async", 2, 5, "join", 3], ["async", 1, 2, "step", 3], ["async", 3, 2, "join", 0],
  ["exit", 2, 1, "join", 2], ["exit", 1, 1, "step", 3], ["exit", 3, 2, "ask", 1]];

export async function make(b) {
  const g = graph(b.saver);
  for (const [i, [durability, first, back, node, since]] of CASES.entries()) {
    for (const order of ["01", "10", "001"]) {
      const config = { configurable: { thread_id: `${order} ${i}` }, durability };
      const answered = async (n, word) => { for (let k = 0; k < n; k++) await g.invoke(answer(`${word}${k}`), config); };
      await g.invoke({ log: ["begin"] }, config);
      await answered(first, "a");
      const past = [];
      for await (const s of g.getStateHistory(config)) past.push(s);
      await g.updateState(past[Math.min(back, past.length - 1)].config, { log: ["edited"], n: 0 }, node);
      await g.invoke(null, config);
      await answered(since, "b");
    }
  }
  return notes(b);
}
