"use strict";

// A network's forward pass, layer by layer, and how one unit came to its value. No DOM: node runs it, too.
// A tensor is {shape: [channels, height, width] or [units], values}; weights are one Float32Array of all layers.
(() => {
  const network = (globalThis.lectureNetwork ??= {});

  network.decodeBytes = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

  // The upper three bytes of each float32, the highest first; the fourth is 0.
  network.decodeFloat24 = (bytes) => {
    const bits = new Uint32Array(bytes.length / 3);
    for (let index = 0, at = 0; index < bits.length; index++, at += 3) {
      bits[index] = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8);
    }
    return new Float32Array(bits.buffer);
  };

  // Abramowitz and Stegun 7.1.26; the error is below 1.5e-7.
  function erf(x) {
    const t = 1 / (1 + 0.3275911 * Math.abs(x));
    const sum = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
    return Math.sign(x) * (1 - sum * Math.exp(-x * x));
  }

  const sigmoid = (x) => 1 / (1 + Math.exp(-x));
  const softplus = (x, beta, threshold) => (x * beta > threshold ? x : Math.log1p(Math.exp(x * beta)) / beta);
  const [SELU_ALPHA, SELU_SCALE] = [1.6732632423543772, 1.0507009873554805];

  // Of a value, the layer's settings and the learned slope of its channel, which PReLU alone has.
  const ACTIVATIONS = {
    elu: (x, { alpha }) => (x > 0 ? x : alpha * Math.expm1(x)),
    gelu: (x) => (x / 2) * (1 + erf(x / Math.SQRT2)),
    gelu_tanh: (x) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
    identity: (x) => x,
    leaky_relu: (x, { slope }) => (x > 0 ? x : slope * x),
    mish: (x) => x * Math.tanh(softplus(x, 1, 20)),
    prelu: (x, layer, slope) => (x > 0 ? x : slope * x),
    relu: (x) => Math.max(x, 0),
    selu: (x) => SELU_SCALE * (x > 0 ? x : SELU_ALPHA * Math.expm1(x)),
    sigmoid,
    silu: (x) => x * sigmoid(x),
    softplus: (x, { beta, threshold }) => softplus(x, beta, threshold),
    tanh: Math.tanh,
  };

  const sizeOf = (shape) => shape.reduce((product, size) => product * size, 1);
  const steps = (size, kernel, stride, padding = 0) => Math.floor((size + 2 * padding - kernel) / stride) + 1;

  function convolve(layer, weights, { shape: [channels, height, width], values }) {
    const [[kernelHeight, kernelWidth], [strideY, strideX], [top, left]] = [layer.kernel, layer.stride, layer.padding];
    const outHeight = steps(height, kernelHeight, strideY, top);
    const outWidth = steps(width, kernelWidth, strideX, left);
    const out = new Float64Array(layer.out_channels * outHeight * outWidth);
    for (let map = 0; map < layer.out_channels; map++) {
      const start = map * outHeight * outWidth;
      if (layer.bias !== null) out.fill(weights[layer.bias + map], start, start + outHeight * outWidth);
      for (let channel = 0; channel < channels; channel++) {
        for (let i = 0; i < kernelHeight; i++) {
          for (let j = 0; j < kernelWidth; j++) {
            const weight = weights[layer.weight + ((map * channels + channel) * kernelHeight + i) * kernelWidth + j];
            for (let row = 0; row < outHeight; row++) {
              const y = row * strideY + i - top;
              if (y < 0 || y >= height) continue;
              for (let column = 0; column < outWidth; column++) {
                const x = column * strideX + j - left;
                if (x < 0 || x >= width) continue;
                out[start + row * outWidth + column] += weight * values[(channel * height + y) * width + x];
              }
            }
          }
        }
      }
    }
    return { shape: [layer.out_channels, outHeight, outWidth], values: out };
  }

  function pool(layer, { shape: [channels, height, width], values }) {
    const [windowHeight, windowWidth] = layer.kernel ?? [height, width]; // null: the whole map
    const [strideY, strideX] = layer.stride ?? [1, 1];
    const [outHeight, outWidth] = [steps(height, windowHeight, strideY), steps(width, windowWidth, strideX)];
    const out = new Float64Array(channels * outHeight * outWidth);
    for (let at = 0; at < out.length; at++) {
      const [channel, row] = [Math.floor(at / (outHeight * outWidth)), Math.floor(at / outWidth) % outHeight];
      let [largest, sum] = [-Infinity, 0];
      for (let i = 0; i < windowHeight; i++) {
        for (let j = 0; j < windowWidth; j++) {
          const y = row * strideY + i;
          const value = values[(channel * height + y) * width + (at % outWidth) * strideX + j];
          largest = Math.max(largest, value);
          sum += value;
        }
      }
      out[at] = layer.kind === "max" ? largest : sum / (windowHeight * windowWidth);
    }
    return { shape: [channels, outHeight, outWidth], values: out };
  }

  function activate(layer, weights, { shape, values }) {
    const perChannel = sizeOf(shape.slice(1));
    const compute = (value, at) => network.activationAt(layer, weights, value, Math.floor(at / perChannel));
    return { shape, values: values.map(compute) };
  }

  // An activation of one number, of a channel.
  network.activationAt = (layer, weights, value, channel) => {
    const slope = layer.num_slopes ? weights[layer.weight + Math.min(channel, layer.num_slopes - 1)] : 0;
    return ACTIVATIONS[layer.name](value, layer, slope);
  };

  function multiply(layer, weights, { values }) {
    const out = new Float64Array(layer.out_features);
    for (let unit = 0; unit < out.length; unit++) {
      let sum = layer.bias === null ? 0 : weights[layer.bias + unit];
      const row = layer.weight + unit * layer.in_features;
      for (let at = 0; at < layer.in_features; at++) sum += weights[row + at] * values[at];
      out[unit] = sum;
    }
    return { shape: [layer.out_features], values: out };
  }

  const LAYERS = {
    convolution: convolve,
    pooling: (layer, weights, input) => pool(layer, input),
    activation: activate,
    flatten: (layer, weights, { shape, values }) => ({ shape: [sizeOf(shape)], values }),
    linear: multiply,
  };

  // The output of each layer, of an image (channels, height, width) that is normalised.
  network.forward = (layers, weights, image) => {
    const outputs = [];
    let current = image;
    for (const layer of layers) {
      current = LAYERS[layer.type](layer, weights, current);
      outputs.push(current);
    }
    return outputs;
  };

  network.softmax = (logits) => {
    const largest = Math.max(...logits);
    const exponentials = Array.from(logits, (logit) => Math.exp(logit - largest));
    const sum = exponentials.reduce((total, each) => total + each, 0);
    return exponentials.map((each) => each / sum);
  };

  // Pixels (0 to 255, rows after rows) as the network was trained on them.
  network.normalise = (pixels, { image_shape: shape, mean, std }) => ({
    shape,
    values: Float64Array.from(pixels, (pixel) => (pixel / 255 - mean) / std),
  });

  // The layers by what weighs inputs: [{layers: [index, …]}], a convolution or linear layer and what follows it.
  network.stagesOf = (layers) => {
    const stages = [];
    layers.forEach((layer, index) => {
      if (layer.type === "flatten") return;
      if (layer.type === "convolution" || layer.type === "linear" || !stages.length) stages.push({ layers: [] });
      stages.at(-1).layers.push(index);
    });
    return stages;
  };

  // What a layer reads, as maps: a linear layer after a flattening reads the maps, each kernel as large as a map.
  network.inputOf = (layers, outputs, image, index) => {
    let before = index - 1;
    while (before >= 0 && layers[before].type === "flatten") before--;
    return before >= 0 ? outputs[before] : image;
  };

  // How a unit of a convolution or linear layer came to its value: for each map that it reads the window and the
  // kernel (a padded place has the value 0), the sums of their products, the bias, and the total.
  network.explain = (layers, weights, outputs, image, index, [map, row, column]) => {
    const layer = layers[index];
    const { shape, values } = network.inputOf(layers, outputs, image, index);
    const [channels, height, width] = shape.length === 3 ? shape : [1, 1, shape[0]];
    const isLinear = layer.type === "linear";
    const [kernelHeight, kernelWidth] = isLinear ? [height, width] : layer.kernel;
    const top = isLinear ? 0 : row * layer.stride[0] - layer.padding[0];
    const left = isLinear ? 0 : column * layer.stride[1] - layer.padding[1];
    const parts = Array.from({ length: channels }, (_, channel) => {
      const [window, kernel] = [[], []];
      for (let i = 0; i < kernelHeight; i++) {
        for (let j = 0; j < kernelWidth; j++) {
          const [y, x] = [top + i, left + j];
          const isInside = y >= 0 && y < height && x >= 0 && x < width;
          window.push(isInside ? values[(channel * height + y) * width + x] : 0);
          kernel.push(weights[layer.weight + ((map * channels + channel) * kernelHeight + i) * kernelWidth + j]);
        }
      }
      const products = window.map((value, at) => value * kernel[at]);
      return { window, kernel, products, sum: products.reduce((total, each) => total + each, 0) };
    });
    const bias = layer.bias === null ? 0 : weights[layer.bias + map];
    const total = parts.reduce((sum, part) => sum + part.sum, bias);
    return { height: kernelHeight, width: kernelWidth, top, left, parts, bias, total };
  };

  // The window of a pooling layer that a unit (map, row, column) of its input is in; null if no window takes it.
  network.poolingOf = (layer, { shape, values }, [map, row, column]) => {
    const [, height, width] = shape;
    const [windowHeight, windowWidth] = layer.kernel ?? [height, width];
    const [strideY, strideX] = layer.stride ?? [1, 1];
    const [y, x] = [Math.floor(row / strideY), Math.floor(column / strideX)];
    const isRead = row - y * strideY < windowHeight && column - x * strideX < windowWidth;
    if (!isRead || y >= steps(height, windowHeight, strideY) || x >= steps(width, windowWidth, strideX)) return null;
    const cells = [];
    for (let i = 0; i < windowHeight; i++) {
      for (let j = 0; j < windowWidth; j++) {
        const place = [map, y * strideY + i, x * strideX + j];
        cells.push({ place, value: values[(map * height + place[1]) * width + place[2]] });
      }
    }
    return { unit: [map, y, x], height: windowHeight, width: windowWidth, cells };
  };

  // The place in a pooling layer's input that decides its unit: the largest of the window, or the window's first.
  network.sourceOf = (layer, input, [map, row, column]) => {
    const [strideY, strideX] = layer.stride ?? [1, 1];
    const { cells } = network.poolingOf(layer, input, [map, row * strideY, column * strideX]);
    if (layer.kind !== "max") return cells[0].place;
    return cells.reduce((best, cell) => (cell.value > best.value ? cell : best)).place;
  };
})();
