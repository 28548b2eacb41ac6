-- The schema, version 3. NULL means not measured. Times are nanoseconds, times of day since
-- 1970 in UTC. No views, triggers or JSON functions: a connection trusts no schema.
-- A change here is a new user_version and a migration (README.md).

CREATE TABLE str(                        -- names that many rows share
  id INTEGER PRIMARY KEY,
  s TEXT NOT NULL UNIQUE
) STRICT;

-- What many runs have in common; `digest` is the sha256 of the other columns, so that the same
-- thing is one row here and in every database this one is merged with.
CREATE TABLE model(
  id INTEGER PRIMARY KEY,
  digest TEXT NOT NULL UNIQUE,
  name TEXT, family TEXT, source TEXT, format TEXT, sha256 TEXT,
  params REAL, bytes REAL, random_weights INTEGER NOT NULL
) STRICT;
CREATE INDEX model_by_sha256 ON model(sha256);

CREATE TABLE input(
  id INTEGER PRIMARY KEY,
  digest TEXT NOT NULL UNIQUE,
  kind TEXT, source TEXT, sha256 TEXT, batch REAL, tokens REAL
) STRICT;

CREATE TABLE env(
  id INTEGER PRIMARY KEY,
  digest TEXT NOT NULL UNIQUE,
  host TEXT, cpu TEXT, isa TEXT, n_cpu REAL, threads REAL, governor TEXT,
  blas_name TEXT, blas_core TEXT, blas_version TEXT,
  os TEXT, version TEXT, gpu TEXT, driver TEXT
) STRICT;

CREATE TABLE session(
  id INTEGER PRIMARY KEY,
  uid TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  created_ns INTEGER NOT NULL,
  origin TEXT,                           -- the file it was merged from
  n_runs INTEGER NOT NULL DEFAULT 0,     -- counted here: a list must not count a million rows
  n_trail INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX session_by_name ON session(name, created_ns);
CREATE INDEX session_by_creation ON session(created_ns);

CREATE TABLE run(
  id INTEGER PRIMARY KEY AUTOINCREMENT,  -- people say "run 12": a number is never used again
  uid TEXT NOT NULL UNIQUE,
  session_id INTEGER NOT NULL REFERENCES session(id),
  model_id INTEGER NOT NULL REFERENCES model(id),
  input_id INTEGER NOT NULL REFERENCES input(id),
  env_id INTEGER NOT NULL REFERENCES env(id),
  cell TEXT,                             -- sha256 of model, input, canonical knobs and device
  device TEXT,
  knobs TEXT NOT NULL,                   -- canonical: "method=l2 keep=0.7 ..."
  keep_ratio REAL, kept INTEGER, cosine REAL, downsample REAL, threshold REAL,
  batch REAL, threads REAL, dtype TEXT,
  state TEXT NOT NULL CHECK(state IN ('done', 'failed')),
  trail INTEGER NOT NULL CHECK(trail IN (0, 1)),
  error TEXT,
  started_ns INTEGER NOT NULL, ended_ns INTEGER,
  n_samples INTEGER, min_ns REAL, p50_ns REAL, p95_ns REAL, max_ns REAL,
  n_layers INTEGER NOT NULL,
  stopped_by TEXT, reference TEXT,
  worst TEXT, top1 REAL,                 -- since version 2, as are new columns at any end
  label TEXT, base_label TEXT
) STRICT;
CREATE INDEX run_by_start ON run(started_ns);
CREATE INDEX run_kept_by_start ON run(started_ns) WHERE trail = 0;
CREATE INDEX run_by_session ON run(session_id, started_ns);
CREATE INDEX run_kept_by_session ON run(session_id, started_ns) WHERE trail = 0;
CREATE INDEX run_by_cell ON run(cell, state, started_ns);
CREATE INDEX run_by_model ON run(model_id, device, keep_ratio, p50_ns, cosine);

CREATE TABLE sample(                     -- every repetition
  run_id INTEGER NOT NULL REFERENCES run(id),
  rep INTEGER NOT NULL,
  wall_ns REAL, gpu_ns REAL,
  PRIMARY KEY(run_id, rep)
) STRICT, WITHOUT ROWID;

CREATE TABLE tokens(                     -- lists of numbers as JSON arrays
  run_id INTEGER PRIMARY KEY REFERENCES run(id),
  per_layer TEXT, kept TEXT,
  sites TEXT                             -- as in the result object
) STRICT;

CREATE TABLE layer(                      -- a column for each row of profiler/metric.def
  run_id INTEGER NOT NULL REFERENCES run(id),
  idx INTEGER NOT NULL,
  parent INTEGER,                        -- idx of an earlier layer
  name_id INTEGER NOT NULL REFERENCES str(id), -- what it adds to its parent's path
  kind_id INTEGER REFERENCES str(id),
  engine_id INTEGER REFERENCES str(id),
  calls REAL, wall_ns REAL, wall_min_ns REAL, self_ns REAL, cpu_ns REAL, user_ns REAL,
  sys_ns REAL, minor_faults REAL, major_faults REAL, switches REAL, gpu_ns REAL,
  flops REAL, bytes_read REAL, bytes_written REAL, tokens_in REAL, tokens_out REAL,
  m REAL, n REAL, k REAL, cosine REAL,
  PRIMARY KEY(run_id, idx)
) STRICT, WITHOUT ROWID;

CREATE TABLE kernel(
  run_id INTEGER NOT NULL REFERENCES run(id),
  layer_idx INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  name_id INTEGER NOT NULL REFERENCES str(id),
  calls INTEGER, start_ns REAL, dur_ns REAL, grid TEXT, block TEXT, smem REAL, regs INTEGER,
  PRIMARY KEY(run_id, layer_idx, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE metric(                     -- "wall.mean_ns", "rusage.user_ns": numbers of a run
  run_id INTEGER NOT NULL REFERENCES run(id),
  layer_idx INTEGER NOT NULL DEFAULT -1, -- -1: of the whole run
  name_id INTEGER NOT NULL REFERENCES str(id),
  value REAL NOT NULL,
  PRIMARY KEY(run_id, layer_idx, name_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE fact(                       -- since version 3: texts of a run, and lists as JSON
  run_id INTEGER NOT NULL REFERENCES run(id), -- arrays, that have no column: "generated.text"
  name_id INTEGER NOT NULL REFERENCES str(id),
  text TEXT NOT NULL,
  PRIMARY KEY(run_id, name_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE warning(
  run_id INTEGER NOT NULL REFERENCES run(id),
  seq INTEGER NOT NULL,
  text_id INTEGER NOT NULL REFERENCES str(id),
  PRIMARY KEY(run_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE note(
  run_id INTEGER NOT NULL REFERENCES run(id),
  at_ns INTEGER NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY(run_id, at_ns)
) STRICT, WITHOUT ROWID;

CREATE TABLE tag(
  run_id INTEGER NOT NULL REFERENCES run(id),
  name_id INTEGER NOT NULL REFERENCES str(id),
  PRIMARY KEY(run_id, name_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE meta(
  key TEXT PRIMARY KEY,
  value TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE merge_log(
  src_sha256 TEXT NOT NULL, path TEXT NOT NULL, at_ns INTEGER NOT NULL,
  n_new INTEGER NOT NULL, n_dup INTEGER NOT NULL,
  PRIMARY KEY(src_sha256, at_ns)
) STRICT, WITHOUT ROWID;

CREATE TABLE file_hash(                  -- of files already hashed; a cache
  key TEXT PRIMARY KEY NOT NULL,         -- host, device, inode, size, mtime
  sha256 TEXT NOT NULL
) STRICT, WITHOUT ROWID;
