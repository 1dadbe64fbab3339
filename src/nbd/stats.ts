/** What an NBD server counts. Plain numbers, so that counting costs nothing. */

export class NbdStats {
  connectionsAccepted = 0;
  connectionsRefused = 0;
  connectionsTimedOut = 0;
  tlsFailures = 0;
  requests = 0;
  errorReplies = 0;
  bytesReceived = 0;
  bytesSent = 0;
}
