/* No reduction: the model as it is. */
#include "reduce/method.h"

const struct method none_method = {
	.name = "none",
	.help = "every token stays; no technique code runs",
	.cost = "0",
	.source = "the model itself",
	.places = PLACES_ALL,
};
