/* Results on stdout, one by one, for whoever reads them as they come. */
#ifndef CLI_PRINT_H
#define CLI_PRINT_H

#include "base/json.h"

/* One compact line, handed over at once; takes the object. ERR_IO, ERR_FULL: it did not
 * reach its reader. */
enum err print_json(json_t *) MUST_CHECK;

#endif
