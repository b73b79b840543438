// Question and answer over a widget's own comm.
import type { Model, State } from "./model";

export interface Message {
  re?: string;
  kind?: string;
  [key: string]: unknown;
}

const TIMEOUT = 30000;
let sequence = 0;

/** A part of a message as an ArrayBuffer of exactly its bytes. */
export function toBuffer(part: ArrayBuffer | ArrayBufferView): ArrayBuffer {
  if (part instanceof ArrayBuffer) return part;
  return part.buffer.slice(
    part.byteOffset,
    part.byteOffset + part.byteLength,
  ) as ArrayBuffer;
}

/**
 * Ask the kernel; `receive` takes its answers in the very turn in which they arrive and returns
 * a value when the last one is there, undefined while more are to come.
 */
export function ask<T extends State, R>(
  model: Model<T>,
  kind: string,
  receive: (message: Message, buffers: ArrayBuffer[]) => R | undefined,
  signal: AbortSignal,
): Promise<R | undefined> {
  const id = `${Date.now()}-${Math.random().toString(36).slice(2)}-${sequence++}`;
  return new Promise((resolve, reject) => {
    let timer = 0;
    const finish = (settle: () => void): void => {
      window.clearTimeout(timer);
      model.off("msg:custom", onMessage);
      settle();
    };
    const wait = (): void => {
      window.clearTimeout(timer);
      timer = window.setTimeout(
        () =>
          finish(() => reject(new Error("the kernel did not answer; is it busy or gone?"))),
        TIMEOUT,
      );
    };
    const onMessage = (message: Message, parts: (ArrayBuffer | ArrayBufferView)[]): void => {
      if (message.re !== id) return;
      try {
        const result = receive(message, (parts ?? []).map(toBuffer));
        if (result === undefined) wait();
        else finish(() => resolve(result));
      } catch (error) {
        finish(() => reject(error));
      }
    };
    wait();
    model.on("msg:custom", onMessage);
    signal.addEventListener("abort", () => finish(() => resolve(undefined)), { once: true });
    model.send({ kind, id } as never);
  });
}
