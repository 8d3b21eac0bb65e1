// Owns what a query reads: the models, and the tables that hold them. Must never leave out a model whose rows the result
// depends on.

/** The part of Prisma's runtime data model that this needs. */
export interface DataModel {
  readonly models: Readonly<Record<string, { readonly dbName: string | null; readonly fields: readonly Field[] }>>;
}

interface Field {
  readonly name: string;
  readonly kind: string;
  readonly type: string;
  readonly relationName?: string | null;
}

type Arguments = Readonly<Record<string, unknown>>;

const FILTERS = ["where", "orderBy", "cursor", "having"];
const OPERATORS = new Set(["AND", "OR", "NOT", "is", "isNot", "some", "every", "none"]);

/** The models that a query reads: its own, and those of the relations that it selects, filters or sorts by. */
export class ModelsRead extends Set<string> {
  constructor(readonly data: DataModel, model: string, args: unknown) {
    super([model]);
    this.#query(model, args);
  }

  #query(model: string, args: unknown): void {
    if (!isObject(args)) return;
    this.#selection(model, args.select);
    this.#selection(model, args.include);
    for (const name of FILTERS) this.#filter(model, args[name]);
  }

  #selection(model: string, selection: unknown): void {
    if (!isObject(selection)) return;
    for (const [name, value] of Object.entries(selection)) {
      const related = this.#relation(model, name);
      if (related !== undefined) {
        this.add(related);
        this.#query(related, value);
      } else if (name === "_count" && value === true) {
        for (const { name: field } of relations(this.data, model)) this.add(this.#relation(model, field)!);
      } else if (name === "_count" && isObject(value)) {
        this.#selection(model, value.select);
      }
    }
  }

  #filter(model: string, filter: unknown): void {
    if (Array.isArray(filter)) {
      for (const part of filter) this.#filter(model, part);
      return;
    }
    if (!isObject(filter)) return;
    for (const [name, value] of Object.entries(filter)) {
      const related = this.#relation(model, name);
      if (related !== undefined) {
        this.add(related);
        this.#filter(related, value);
      } else if (OPERATORS.has(name)) {
        this.#filter(model, value);
      }
    }
  }

  #relation(model: string, name: string): string | undefined {
    return relations(this.data, model).find((field) => field.name === name)?.type;
  }
}

function isObject(value: unknown): value is Arguments {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function relations(data: DataModel, model: string): Field[] {
  return (data.models[model]?.fields ?? []).filter(({ type }) => Object.hasOwn(data.models, type));
}

/** A table with the rows of a model, or with its links to another. */
export interface Source {
  /** The table as SQL names it. */
  table: string;
  /** Whether the table need not exist. */
  optional: boolean;
}

/**
 * The tables of a model: its own, and those of its relations of many to many. The data model does not tell which
 * relations these are, so there is one for each. A query that reads the links reads the models on both of their sides.
 */
export function sources(data: DataModel, model: string, quote: (name: string) => string, table?: string): Source[] {
  const own = { table: table ?? quote(data.models[model]!.dbName ?? model), optional: false };
  const links = relations(data, model).map(({ relationName }) => ({ table: quote(`_${relationName}`), optional: true }));
  return [own, ...links];
}
