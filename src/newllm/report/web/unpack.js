"use strict";
// Numbers as `chart.packed` of Python sends them, back to typed arrays.

(function (newllm) {
  /**
   * @param {{kind: "range"|"delta"|"float", n: number, first?: number, by?: number, data?: string}} packed
   * @returns {Promise<Float64Array|Float32Array>} positions as 64 bits, values as 32
   */
  newllm.unpack = async function (packed) {
    if (packed.kind === "range") return ranged(packed);
    if (packed.kind !== "delta" && packed.kind !== "float") throw new Error(`numbers of an unknown kind: ${packed.kind}`);
    const bytes = await inflated(packed.data);
    if (bytes.byteLength !== 4 * packed.n) throw new Error(`${packed.n} numbers in ${bytes.byteLength} bytes`);
    // Both kinds are little-endian, as is every machine that has a browser.
    return packed.kind === "float" ? new Float32Array(bytes) : summed(new Int32Array(bytes));
  };

  function ranged({ first, by, n }) {
    const numbers = new Float64Array(n);
    for (let at = 0; at < n; at++) numbers[at] = first + at * by;
    return numbers;
  }

  async function inflated(base64) {
    const stream = new Blob([decoded(base64)]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Response(stream).arrayBuffer();
  }

  function decoded(base64) {
    if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64); // of 2025, ten times as quick
    const text = atob(base64), bytes = new Uint8Array(text.length);
    for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
    return bytes;
  }

  function summed(differences) {
    const sums = new Float64Array(differences.length);
    let sum = 0;
    for (let at = 0; at < sums.length; at++) sums[at] = sum += differences[at];
    return sums;
  }
})(window.newllm);
