/** What a door has counted since it opened, or CONFIG RESETSTAT: for INFO and for metrics. */

export class DoorStats {
  connectionsAccepted = 0;
  connectionsRefused = 0;
  /** Connections that were closed because the client read, wrote or said nothing in time. */
  connectionsTimedOut = 0;
  /** Connections that were closed because too much was waiting for the client to read it. */
  connectionsOverflowed = 0;
  commandsProcessed = 0;
  /** Over the last second or so. */
  commandsPerSecond = 0;
  /** Commands that could not be answered within their turn: a lock was held, a page not at hand. */
  commandsWaited = 0;
  errorReplies = 0;
  bytesReceived = 0;
  bytesSent = 0;
  keyspaceHits = 0;
  keyspaceMisses = 0;
  keysExpired = 0;
  protocolErrors = 0;
  authFailures = 0;
  transactionsCommitted = 0;
  transactionsRolledBack = 0;
  transactionsAborted = 0;

  reset(): void {
    Object.assign(this, new DoorStats());
  }
}
