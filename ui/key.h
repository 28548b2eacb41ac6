/* A key or a mouse event, as the terminal sent it. */
#ifndef UI_KEY_H
#define UI_KEY_H

#include <stdint.h>

/*
 * A key is a code point, a control character (KEY_CTRL), or one of these, which lie above
 * all code points.
 */
enum key_code {
	KEYC_NONE = 0x110000,
	KEYC_UP,
	KEYC_DOWN,
	KEYC_LEFT,
	KEYC_RIGHT,
	KEYC_HOME,
	KEYC_END,
	KEYC_PAGE_UP,
	KEYC_PAGE_DOWN,
	KEYC_INSERT,
	KEYC_DELETE,
	KEYC_BACKSPACE,
	KEYC_ENTER,
	KEYC_TAB,
	KEYC_BACKTAB,
	KEYC_ESC,
	KEYC_F0, /* F1 is KEYC_F0 + 1, to F12 */
	KEYC_F12 = KEYC_F0 + 12,
	KEYC_MOUSE
};
#define KEYC_CTRL(letter) ((uint32_t)(letter)&0x1f)

enum mouse_action {
	MOUSE_PRESS,
	MOUSE_DRAG,
	MOUSE_RELEASE,
	MOUSE_WHEEL_UP,
	MOUSE_WHEEL_DOWN
};

struct key {
	uint32_t code;
	enum mouse_action
		action; /* of KEYC_MOUSE, as are x and y: columns and rows from 0 */
	int x, y;
};

#endif
