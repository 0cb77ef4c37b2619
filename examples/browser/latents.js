// NumPy's default_rng(seed).standard_normal: SeedSequence, PCG64 (O'Neill 2014) and the ziggurat
// of 256 layers (Marsaglia & Tsang 2000), so that a seed gives the latents of `sample_latent`.

const MASK32 = 0xffffffffn, MASK64 = (1n << 64n) - 1n, MASK128 = (1n << 128n) - 1n;

// NumPy's SeedSequence: 256 bits of state from integers of any size.
function seedWords(entropy) {
  const words = entropy.flatMap((value) => {
    const parts = [];
    do {
      parts.push(Number(value & MASK32));
      value >>= 32n;
    } while (value > 0n);
    return parts;
  });
  let constant = 0x43b0d7e5;
  const hash = (value) => {
    value ^= constant;
    constant = Math.imul(constant, 0x931e8875);
    value = Math.imul(value, constant);
    return (value ^ (value >>> 16)) >>> 0;
  };
  const mix = (x, y) => {
    const value = Math.imul(x, 0xca01f9dd) - Math.imul(y, 0x4973f715);
    return (value ^ (value >>> 16)) >>> 0;
  };
  const pool = [0, 1, 2, 3].map((i) => hash(words[i] ?? 0));
  for (let i = 0; i < 4; i++) {
    for (let j = 0; j < 4; j++) if (i !== j) pool[j] = mix(pool[j], hash(pool[i]));
  }
  for (const word of words.slice(4)) {
    for (let j = 0; j < 4; j++) pool[j] = mix(pool[j], hash(word));
  }
  constant = 0x8b51f9dd;
  const half = (i) => {
    let value = pool[i % 4] ^ constant;
    constant = Math.imul(constant, 0x58f38ded);
    value = Math.imul(value, constant);
    return BigInt((value ^ (value >>> 16)) >>> 0);
  };
  const halves = Array.from({ length: 8 }, (_, i) => half(i));
  return [0, 2, 4, 6].map((i) => halves[i] | (halves[i + 1] << 32n));
}

// The ziggurat's edges and heights, and the shares of each layer below the density.
const TAIL = 3.6541528853610088, AREA = 4.928673233974655e-3;
const density = (x) => Math.exp(-0.5 * x * x);
const edges = new Float64Array(257), heights = new Float64Array(256), inside = new Float64Array(256);
edges[256] = AREA / density(TAIL);
edges[255] = TAIL;
for (let i = 254; i > 0; i--) {
  edges[i] = Math.sqrt(-2 * Math.log(AREA / edges[i + 1] + density(edges[i + 1])));
}
heights[0] = 1;
inside[0] = TAIL / edges[256];
for (let i = 1; i < 256; i++) {
  heights[i] = density(edges[i]);
  inside[i] = edges[i - 1] / edges[i];
}

// A stream like numpy.random.default_rng(seed), or default_rng([seed, key]).
export class Stream {
  constructor(...entropy) {
    const [high, low, incrementHigh, incrementLow] = seedWords(entropy.map(BigInt));
    this.increment = ((((incrementHigh << 64n) | incrementLow) << 1n) | 1n) & MASK128;
    this.state = this.increment;
    this.state += (high << 64n) | low;
    this.step();
  }

  step() {
    this.state = (this.state * 0x2360ed051fc65da44385df649fccf645n + this.increment) & MASK128;
  }

  bits() {
    this.step();
    const value = (this.state >> 64n) ^ (this.state & MASK64), turn = this.state >> 122n;
    return ((value >> turn) | (value << (64n - turn))) & MASK64;
  }

  // Uniform in [0, 1).
  uniform() {
    return Number(this.bits() >> 11n) / 2 ** 53;
  }

  // N(0, 1).
  normal() {
    for (;;) {
      const bits = this.bits();
      const layer = Number(bits & 0xffn);
      const sign = (bits >> 8n) & 1n ? -1 : 1;
      const mantissa = (bits >> 9n) & 0xfffffffffffffn;
      const share = Number(mantissa) / 2 ** 52;
      const x = share * (layer ? edges[layer] : edges[256]);
      if (share < inside[layer]) return sign * x;
      if (layer === 0) {
        for (;;) {
          const beyond = -Math.log1p(-this.uniform()) / TAIL;
          const y = -Math.log1p(-this.uniform());
          if (2 * y > beyond * beyond) return ((mantissa >> 8n) & 1n ? -1 : 1) * (TAIL + beyond);
        }
      }
      const between = heights[layer - 1] - heights[layer];
      if (between * this.uniform() + heights[layer] < density(x)) return sign * x;
    }
  }
}

// The numbers of `model.sample_latent(count, seed)`, row by row.
export function sampleLatent(count, latentDim, seed) {
  const stream = new Stream(seed);
  return Float32Array.from({ length: count * latentDim }, () => stream.normal());
}

// The numbers of `model.sample_labels(count, seed)`.
export function sampleLabels(count, classes, seed) {
  const stream = new Stream(seed, 1);
  return Int32Array.from({ length: count }, () => Math.floor(stream.uniform() * classes));
}

// A point on the great arc between two rows, as `zoo.latents.spherical_interpolation` walks it.
export function onArc(start, stop, share) {
  const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
  const cosine = dot(start, stop) / Math.max(Math.sqrt(dot(start, start) * dot(stop, stop)), 1e-12);
  const angle = Math.acos(Math.min(Math.max(cosine, -1), 1)), sine = Math.sin(angle);
  const [first, second] =
    sine < 1e-6
      ? [1 - share, share]
      : [Math.sin((1 - share) * angle) / sine, Math.sin(share * angle) / sine];
  return start.map((value, i) => first * value + second * stop[i]);
}
