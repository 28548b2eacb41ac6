#include "sessions/exporter.h"

#include <string.h>

const struct exporter *exporter_by_name(const char *name)
{
	for (int i = 0; exporters[i]; i++)
		if (!strcmp(exporters[i]->name, name))
			return exporters[i];
	return NULL;
}
