/** A file of spec/vectors: `<name>.json`. */
export interface VectorFile {
  readonly name: string;
  /** What the cases are and how to run them, for somebody who reads only this file. */
  readonly description: string;
  /** What the cases share, between the description and them: the documents' revisions, what the words of a recipe mean. */
  readonly shared?: Readonly<Record<string, unknown>>;
  readonly cases: readonly VectorCase[];
}

/**
 * One case: JSON values only, bytes as lowercase hex, numbers exact (at most 2^53). A good case has no `error`; a bad one
 * has the code it must be refused with.
 */
export interface VectorCase {
  /** Unique in its file; says what is special about it. */
  readonly name: string;
  readonly error?: string;
  readonly [member: string]: unknown;
}

/** A class of vectors. Must come out the same every time: no clock, no randomness. */
export type VectorClass = () => readonly VectorFile[] | Promise<readonly VectorFile[]>;
