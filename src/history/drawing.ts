/** Directed graphs as text for Graphviz (DOT) and as pictures that stand alone (SVG). */

/** A graph to be drawn. */
export interface Drawing {
  readonly title: string;
  readonly nodes: readonly { readonly id: string; readonly label: string }[];
  readonly edges: readonly DrawnEdge[];
}

export interface DrawnEdge {
  readonly from: string;
  readonly to: string;
  readonly label: string;
  /** Drawn in red. */
  readonly isMarked: boolean;
}

/** The graph for Graphviz. */
export function toDot({ title, nodes, edges }: Drawing): string {
  const lines = [
    `digraph ${quoted(title)} {`,
    "  rankdir=LR; node [shape=box, style=rounded, fontname=sans]; edge [fontname=sans];",
    ...nodes.map(({ id, label }) => `  ${quoted(id)} [label=${quoted(label)}];`),
    ...edges.map(({ from, to, label, isMarked }) => {
      const colour = isMarked ? ", color=red, fontcolor=red" : "";
      return `  ${quoted(from)} -> ${quoted(to)} [label=${quoted(label)}${colour}];`;
    }),
    "}",
  ];
  return `${lines.join("\n")}\n`;
}

const NODE_HEIGHT = 30;
const CHARACTER_WIDTH = 7;
const LABEL_LENGTH_MAX = 60;

/** Nodes on a circle, in order, so that a cycle is drawn as one. */
export function toSvg(drawing: Drawing): string {
  const layout = new Layout(drawing);
  const { width, height } = layout;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" ` +
      `height="${height}" font-family="sans-serif" font-size="12">`,
    `<title>${escaped(drawing.title)}</title>`,
    '<rect width="100%" height="100%" fill="white"/>',
    "<defs>",
    arrowHead("arrow", "#333"),
    arrowHead("red-arrow", "#c00"),
    "</defs>",
    ...drawing.edges.map((edge) => layout.edge(edge)),
    ...drawing.nodes.map(({ id, label }) => layout.node(id, label)),
    "</svg>",
    "",
  ].join("\n");
}

interface Point {
  readonly x: number;
  readonly y: number;
}

class Layout {
  readonly width: number;
  readonly height: number;
  readonly #places: ReadonlyMap<string, Point>;
  readonly #widths: ReadonlyMap<string, number>;

  constructor({ nodes }: Drawing) {
    const widths = nodes.map(({ label }) => shortened(label).length * CHARACTER_WIDTH + 20);
    const widest = Math.max(60, ...widths);
    const radius = nodes.length < 2 ? 0 : Math.max(110, (nodes.length * 90) / Math.PI);
    this.width = Math.ceil(2 * radius + widest + 160);
    this.height = Math.ceil(2 * radius + 140);
    const centre = { x: this.width / 2, y: this.height / 2 };
    this.#widths = new Map(nodes.map(({ id }, index) => [id, widths[index] ?? widest]));
    this.#places = new Map(
      nodes.map(({ id }, index) => {
        const angle = (index / nodes.length) * 2 * Math.PI - Math.PI / 2;
        const x = centre.x + radius * Math.cos(angle);
        return [id, { x, y: centre.y + radius * Math.sin(angle) }];
      }),
    );
  }

  node(id: string, label: string): string {
    const { x, y } = this.#place(id);
    const width = this.#widths.get(id) ?? 0;
    return (
      `<g><rect x="${round(x - width / 2)}" y="${round(y - NODE_HEIGHT / 2)}" width="${width}" ` +
      `height="${NODE_HEIGHT}" rx="8" fill="#eef" stroke="#335"/><text x="${round(x)}" ` +
      `y="${round(y + 4)}" text-anchor="middle">${escaped(shortened(label))}</text></g>`
    );
  }

  /** A bow, so that edges there and back do not lie on one another. */
  edge({ from, to, label, isMarked }: DrawnEdge): string {
    const start = this.#place(from);
    const end = this.#place(to);
    const length = Math.hypot(end.x - start.x, end.y - start.y) || 1;
    const across = { x: -(end.y - start.y) / length, y: (end.x - start.x) / length };
    const middle = {
      x: (start.x + end.x) / 2 - across.x * 40,
      y: (start.y + end.y) / 2 - across.y * 40,
    };
    const first = this.#border(from, start, middle);
    const last = this.#border(to, end, middle);
    const colour = isMarked ? "#c00" : "#333";
    const head = isMarked ? "red-arrow" : "arrow";
    const text = {
      x: (start.x + end.x) / 4 + middle.x / 2,
      y: (start.y + end.y) / 4 + middle.y / 2,
    };
    return (
      `<path d="M${at(first)} Q${at(middle)} ${at(last)}" fill="none" stroke="${colour}" ` +
      `marker-end="url(#${head})"/><text x="${round(text.x)}" y="${round(text.y)}" ` +
      `text-anchor="middle" fill="${colour}" stroke="white" stroke-width="3" ` +
      `paint-order="stroke">${escaped(shortened(label))}</text>`
    );
  }

  /** Where the line from a node's middle towards a point leaves its box. */
  #border(id: string, centre: Point, towards: Point): Point {
    const dx = towards.x - centre.x;
    const dy = towards.y - centre.y;
    const halfWidth = (this.#widths.get(id) ?? 0) / 2 + 2;
    const halfHeight = NODE_HEIGHT / 2 + 2;
    const scale = Math.min(halfWidth / (Math.abs(dx) || 1e-9), halfHeight / (Math.abs(dy) || 1e-9));
    return { x: centre.x + dx * scale, y: centre.y + dy * scale };
  }

  #place(id: string): Point {
    return this.#places.get(id) ?? { x: 0, y: 0 };
  }
}

function arrowHead(id: string, colour: string): string {
  return (
    `<marker id="${id}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" ` +
    `orient="auto-start-reverse"><path d="M0 0L10 5L0 10z" fill="${colour}"/></marker>`
  );
}

function at({ x, y }: Point): string {
  return `${round(x)},${round(y)}`;
}

function round(value: number): string {
  return value.toFixed(1);
}

function shortened(label: string): string {
  return label.length <= LABEL_LENGTH_MAX ? label : `${label.slice(0, LABEL_LENGTH_MAX - 3)}...`;
}

function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, String.raw`\$&`).replaceAll("\n", " ")}"`;
}

export function escaped(text: string): string {
  const names: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
  };
  return text.replaceAll(/[&<>"]/g, (character) => names[character] ?? character);
}
