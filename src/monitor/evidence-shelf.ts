/** Where what convicts a log, or may convict it later, is kept. Bounded: the first of a kind say as much as the thousandth. */
export interface EvidenceShelf {
  /**
   * Keeps a ".tlog-evidence" file.  spec/fork-evidence.md
   * @returns its path; undefined when this log's share is full. @throws {TlogError} FILE_UNWRITABLE
   */
  keepEvidence(origin: string, evidence: string): Promise<string | undefined>;
  /** The same of a signed checkpoint that nothing is proven of yet. */
  keepCheckpoint(origin: string, signedNote: Uint8Array): Promise<string | undefined>;
}
