/* UUID version 7 (RFC 9562): sorts by time, unique across machines. */
#ifndef BASE_UID_H
#define BASE_UID_H

#define UID_SIZE 37 /* 36 characters and the NUL */

void uid_make(char uid[UID_SIZE]);

#endif
