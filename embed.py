"""Writes a text file as a C array: embed.py NAME INPUT OUTPUT."""
import sys

name, source, target = sys.argv[1:]
with open(source, 'rb') as f:
    data = f.read()
lines = [', '.join(str(b) for b in data[i:i + 16]) for i in range(0, len(data), 16)]
with open(target, 'w') as f:
    f.write('/* Made by embed.py. Do not edit. */\n'
            f'extern const char {name}[];\n'
            f'const char {name}[] = {{\n' + ',\n'.join(lines) + ', 0\n};\n')
