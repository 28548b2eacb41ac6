/* All knobs in a table that lies over the view: K. */
#ifndef UI_KNOB_PANEL_H
#define UI_KNOB_PANEL_H

#include "app.h"
#include "ui/view.h"
#include "ui/widgets/table.h"

struct knob_panel {
	bool open;
	struct table table;
};

void knob_panel_init(struct knob_panel *);
/* With the cursor on a knob. */
void knob_panel_open(struct knob_panel *, enum knob_id);
void knob_panel_draw(struct knob_panel *, const struct app *, struct canvas *);
/* REACT_NONE: not for it. ENTER is the owner's: it asks for a value of knob_panel_knob.
 */
enum reaction knob_panel_request(struct knob_panel *, struct app *, enum request);
enum knob_id knob_panel_knob(const struct knob_panel *);

#endif
