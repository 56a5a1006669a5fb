import { JsonLines } from "../examples/json-lines.ts";
import { judge } from "../examples/judge.ts";

/** What a worker of examples/kafka-consumers says, a line each. */
export interface Line {
  readonly identity: string;
  readonly pid: number;
  /** Begins to consume, as this identity. */
  readonly began?: string;
  /** Consumes no more, and has let go of the identity. */
  readonly ended?: string;
  /** The group has given it so many partitions. */
  readonly joined?: number;
  /** Has worked on the message of this number. */
  readonly done?: number;
  readonly partition?: number;
}

/** What all workers have said, in the order they have said it. */
export class Sayings extends JsonLines<Line> {
  /** The numbers of the messages as they were worked on, repeated ones included. */
  get done(): readonly number[] {
    return this.lines.flatMap(({ done }) => (done === undefined ? [] : [done]));
  }

  get count(): number {
    return new Set(this.done).size;
  }

  /** How often a message was worked on again. */
  get repeats(): number {
    const { done } = this;
    return done.length - new Set(done).size;
  }

  /** How many partitions each identity has, as its worker was told last. */
  get shares(): readonly number[] {
    const shares = new Map<string, number>();
    for (const { identity, began, joined } of this.lines) {
      if (began !== undefined) shares.set(identity, 0);
      if (joined !== undefined) shares.set(identity, joined);
    }
    return [...shares.values()];
  }

  /** Messages of a partition that were worked on after later ones of it, but for those that came again. */
  get late(): readonly number[] {
    const partitions = new Set(this.lines.map(({ partition }) => partition));
    return [...partitions].flatMap((partition) => {
      const here = this.lines.filter((line) => line.partition === partition);
      const inTurn = here.flatMap(({ done }) => (done === undefined ? [] : [done]));
      return judge(inTurn, inTurn).late;
    });
  }

  /** Who began as an identity while another process had it, which was not killed. */
  twins(killed: readonly number[]): readonly Line[] {
    const holders = new Map<string, number>();
    return this.lines.filter((line) => {
      const holder = holders.get(line.identity);
      if (line.ended !== undefined && holder === line.pid) holders.delete(line.identity);
      if (line.began === undefined) return false;
      holders.set(line.identity, line.pid);
      return holder !== undefined && !killed.includes(holder);
    });
  }
}
