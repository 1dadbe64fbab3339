import { expect, test } from "vitest";
import { LogDestination } from "./log-destination.ts";

test("lines that cannot be written are counted, and the next that can tells of them", () => {
  let isFull = false;
  let written = "";
  const destination = new LogDestination({
    write: (text) => {
      if (isFull) throw new Error("ENOSPC");
      written += text;
    },
    format: (line) => `<${line}>`,
    lossOf: (count) => `lost ${count}`,
  });
  destination.write("first\n");
  isFull = true;
  destination.write("second\n");
  destination.write("third\n");
  isFull = false;
  destination.write("fourth\n");
  destination.write("fifth\n");
  expect(written).toBe("<first>\n\n<lost 2>\n<fourth>\n<fifth>\n");
});
