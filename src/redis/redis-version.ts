/** Which Redis the door says it is: the one whose commands it follows. */

export const REDIS_VERSION = "7.2.7";
